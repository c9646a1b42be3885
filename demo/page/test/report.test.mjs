// The load tester's report, as people see it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { openBrowser } from './demo.mjs';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../../', import.meta.url));
const STRATA = process.env.STRATA ?? `${repository}target/debug/strata`;

let folder;
let browser;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strata-report-'));
  const small = ['--nodes', '12', '--viewers', '200', '--for', '60s', '--titles', '20', '--quiet'];
  const loadtest = (...flags) => run(STRATA, ['loadtest', ...flags]);
  await Promise.all([
    loadtest('simulate', ...small, '--expect', 'errors<1%', '--out', join(folder, 'before')),
    loadtest('simulate', ...small, '--balance-factor', '0', '--out', join(folder, 'after')),
    loadtest('sweep', 'factor', '--values', '0,140', ...small, '--out', join(folder, 'sweep')),
  ]);
  await loadtest('compare', join(folder, 'before'), join(folder, 'after'), '--out', join(folder, 'both'));
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const PAGES = ['before/report.html', 'sweep/sweep.html', 'both/compare.html'];

/** Texts of one plot that lie on one another. */
function overlaps() {
  const found = [];
  for (const plot of document.querySelectorAll('svg')) {
    const texts = [...plot.querySelectorAll('text')].filter((text) => text.textContent);
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
      if (a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom) {
        found.push(`${texts[i].textContent} | ${texts[i + 1 + j].textContent}`);
      }
    }));
    const frame = plot.getBoundingClientRect();
    texts.forEach((text, i) => {
      if (boxes[i].left < frame.left - 1 || frame.right + 1 < boxes[i].right) found.push(`cut: ${text.textContent}`);
    });
  }
  return found;
}

for (const [width, colorScheme] of [[1280, 'light'], [1280, 'dark'], [390, 'light']]) {
  test(`reports are legible, ${width} pixels wide and ${colorScheme}`, async () => {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    const said = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('request', (request) => request.url().startsWith('file:') || said.push(request.url()));
    for (const name of PAGES) {
      await page.goto(pathToFileURL(join(folder, name)).href);
      assert.ok(await page.locator('svg').count() > 2, name);
      assert.deepEqual(await page.evaluate(overlaps), [], name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
    }
    assert.deepEqual(said, []);
    await page.goto(pathToFileURL(join(folder, PAGES[0])).href);
    const verdict = page.locator('header .verdict');
    assert.match(await verdict.textContent(), /What was expected is met/);
    await context.close();
  });
}
