// A running strata-demo and a browser that looks at its page.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** Built by `cargo build --bins`; STRATA_DEMO names another one. */
export const BINARY = process.env.STRATA_DEMO ?? `${repository}target/debug/strata-demo`;

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';

const BROWSER_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** Time until every node is ready, on a busy machine. */
const START_DEADLINE_MS = 40_000;

/** A demo that runs on ports of the system's choice. */
export class Demo {
  #child;
  #ended;

  /** Starts it and waits until it says where its page is. */
  static async start(...flags) {
    const demo = new Demo();
    await demo.#start(flags);
    return demo;
  }

  async #start(flags) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: run cargo build --workspace --bins`);
    const child = spawn(BINARY, ['--any-ports', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    let errors = '';
    child.stderr.on('data', (text) => (errors += text));
    const deadline = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) {
      this.url ??= line.match(/^ +Page +(http\S+)/)?.[1];
      if (line.includes('Ctrl-C')) break;
    }
    clearTimeout(deadline);
    child.stdout.resume();
    this.errors = () => errors;
    if (!this.url) {
      await this.#ended;
      throw new Error(`the demo did not start: ${errors}`);
    }
    this.about = await (await fetch(`${this.url}/api/demo`)).json();
  }

  /** Sends a signal and waits for the end: `{code, signal}`. */
  async stop(signal = 'SIGTERM') {
    this.#child.kill(signal);
    return this.#ended;
  }

  /** Every address a node listens on. */
  addresses() {
    const { balancer, origins } = this.about;
    return [balancer, ...origins.flatMap(({ address, admin }) => [`http://${address}`, admin])];
  }
}

/** A browser whose pages see this machine only; `pages` fail on other hosts. */
export async function openBrowser() {
  return chromium.launch({ executablePath: BROWSER, args: BROWSER_FLAGS });
}

/** Opens the demo's page and notes what should not happen on it. */
export async function openPage(browser, url, viewport = { width: 1440, height: 960 }) {
  const page = await browser.newPage({ viewport });
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push(`request to ${hostname}`);
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}
