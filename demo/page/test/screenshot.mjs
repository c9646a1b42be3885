// Takes the picture of the page that the README shows: docs/images/demo.png.
import { mkdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Demo, openBrowser, openPage } from './demo.mjs';
import { Player } from './player.mjs';

const target = fileURLToPath(new URL('../../../docs/images/demo.png', import.meta.url));

/** Long enough for the sparklines to have a shape. */
const WARM_UP_MS = 22_000;
const AFTER_KILL_MS = 13_000;

const [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
try {
  const { page } = await openPage(browser, demo.url, { width: 1440, height: 960 });
  const players = ['hls.js', 'dash.js', 'shaka-player'].map((name) => new Player(page, name));
  await Promise.all(players.map((player) => player.advances(2)));
  await Promise.all(players.map((player) => player.chooseText('English')));
  // Such that one is shown when the picture is taken.
  await Promise.all(players.map((player) => player.seek(16)));
  await page.locator('#audience label', { hasText: '100' }).click();
  await setTimeout(WARM_UP_MS);
  const { origin } = await players[0].state();
  await page.getByRole('button', { name: `Kill origin ${origin}` }).click();
  await page.mouse.move(5, 5);
  await page.evaluate(() => document.activeElement.blur());
  await setTimeout(AFTER_KILL_MS);
  await mkdir(fileURLToPath(new URL('./', `file://${target}`)), { recursive: true });
  await page.screenshot({ path: target, fullPage: true });
  console.log(target);
} finally {
  await browser.close();
  await demo.stop();
}
