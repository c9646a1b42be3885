// The page in a browser, over the whole of Strata: S3, origins, balancer, players.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { BINARY, Demo, openBrowser, openPage } from './demo.mjs';
import { Player } from './player.mjs';

const PLAYERS = ['hls.js', 'dash.js', 'shaka-player'];

/** The sample's renditions and the pitch of each language's bell. */
const HEIGHTS = [144, 240, 360, 720];
const BELLS = { English: 880, French: 1320 };

/** Words of a subtitle at the eighth second, in each language. */
const SUBTITLES = { English: 'the bell strikes with it', French: 'la cloche sonne avec elle' };

let demo;
let browser;
let page;
let complaints;
let players;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  ({ page, complaints } = await openPage(browser, demo.url));
  players = PLAYERS.map((name) => new Player(page, name));
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const all = (act) => Promise.all(players.map(act));

describe('the page', () => {
  test('plays the title in all three players at once', async () => {
    await all(async (player) => {
      const { duration, origin } = await player.advances(3);
      assert.ok(Math.abs(duration - 70) < 0.2, `${player.name} takes the title to last ${duration} s`);
      assert.match(origin, /^[ab][12]$/, `${player.name} knows who served it`);
    });
  });

  test('offers every rendition and both languages in every player', async () => {
    await all(async (player) => {
      const heights = (await player.renditions()).slice(1).map((label) => Number.parseInt(label, 10));
      assert.deepEqual(heights, HEIGHTS, player.name);
      assert.deepEqual((await player.languages()).sort(), Object.keys(BELLS), player.name);
    });
  });

  test('switches to the rendition that is chosen', async () => {
    for (const height of [144, 720, 240]) await all((player) => player.chooseRendition(height));
    await all((player) => player.advances(1));
  });

  test('seeks forward and back', async () => {
    for (const seconds of [50, 10]) {
      await all((player) => player.seek(seconds));
      await all((player) => player.advances(1));
    }
  });

  // One after the other: a pitch is measured in real time, and three
  // measurements at once would starve each other on a small machine.
  for (const [language, pitch] of [...Object.entries(BELLS), ['English', BELLS.English]]) {
    test(`sounds ${language} when that is chosen`, async () => {
      for (const player of players) {
        await player.chooseLanguage(language);
        await player.advances(2);
        assert.equal(await player.hears(Object.values(BELLS)), pitch, player.name);
      }
    });
  }

  test('shows the subtitles that are chosen, in every player', async () => {
    for (const [language, words] of Object.entries(SUBTITLES)) {
      await all(async (player) => {
        assert.deepEqual((await player.texts()).sort(), [...Object.keys(SUBTITLES), 'Off'].sort(), player.name);
        await player.chooseText(language);
        await player.seek(7);
        await player.reads(words);
      });
    }
    await all((player) => player.chooseText('Off'));
  });

  test('plays HLS in shaka-player too', async () => {
    const shaka = players.at(-1);
    await shaka.chooseProtocol('hls');
    await shaka.advances(3);
    await shaka.chooseText('French');
    await shaka.reads(SUBTITLES.French);
    await shaka.chooseText('Off');
    await shaka.seek(30);
    await shaka.chooseRendition(360);
    await shaka.advances(1);
  });

  test('goes on in every player when the origin that serves them is killed', async () => {
    await page.locator('#audience label', { hasText: '20' }).click();
    await all((player) => player.seek(1));
    const { origin } = await players[0].state();
    const node = page.locator(`.node[data-origin="${origin}"]`);
    await node.getByRole('button', { name: `Kill origin ${origin}` }).click();
    await page.locator(`.node[data-origin="${origin}"][data-status="killed"]`).waitFor();
    // Longer than what is buffered: segments of the survivors are needed.
    await all((player) => player.advances(20));
    await all((player) => player.isServedByAnother(origin));
    const count = await page.locator('#audience-count').textContent();
    assert.match(count, / requests, 0 failed$/);
    await node.getByRole('button', { name: `Start origin ${origin}` }).click();
    await page.locator(`.node[data-origin="${origin}"][data-status="serving"]`).waitFor();
  });

  test('asked no other host and complained of nothing', () => {
    assert.deepEqual(complaints, []);
  });
});

describe('the demo', () => {
  test('lets only its own page kill an origin', async () => {
    const kill = (headers) => fetch(`${demo.url}/api/nodes/a1/kill`, { method: 'POST', headers });
    assert.equal((await kill({ Origin: 'http://other.example' })).status, 403);
    assert.equal((await kill({})).status, 403);
    assert.equal((await fetch(`${demo.url}/api/demo`, { headers: { Origin: 'http://other.example' } })).status, 403);
  });

  test('names the flag when a port is taken', async () => {
    const taken = new URL(demo.url).port;
    const others = ['balancer', 'balancer-admin', 'origin', 'origin-admin', 's3'].flatMap((whose) => [`--${whose}-port`, '0']);
    const { status, stderr } = spawnSync(BINARY, [...others, '--page-port', taken], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`port ${taken} .*--page-port`));
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL']) {
    test(`leaves no process behind on ${signal}`, async () => {
      const another = await Demo.start();
      const { code } = await another.stop(signal);
      if (signal !== 'SIGKILL') assert.equal(code, 0, another.errors());
      for (const address of another.addresses()) await closes(address);
    });
  }
});

/** Waits until nobody listens there any more. */
async function closes(address) {
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      await fetch(address, { signal: AbortSignal.timeout(1000) });
    } catch {
      return;
    }
    await setTimeout(100);
  }
  assert.fail(`${address} is still listening`);
}
