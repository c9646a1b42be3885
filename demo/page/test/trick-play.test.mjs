// Key frames and thumbnails in the players, over the whole of Strata.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { advances, compare, openBare, openPlayer } from './bare.mjs';
import { Demo, openBrowser } from './demo.mjs';

const HEIGHTS = [144, 240, 360, 720];

/** The sample has a thumbnail of 128×72 every 2 s, 5×2 to an image: where some lie. */
const THUMBNAILS = [
  { time: 1, image: 1, x: 0, y: 0 },
  { time: 13, image: 1, x: 128, y: 72 },
  { time: 40.5, image: 3, x: 0, y: 0 },
  // In the last image, which is half full.
  { time: 67, image: 4, x: 384, y: 0 },
];

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

const title = () => demo.about.titles[0].dash.replace(/[^/]*$/, '');

describe('shaka-player', () => {
  for (const manifest of ['.mpd', '.m3u8']) {
    test(`shows thumbnails and winds by key frames, from ${manifest}`, async () => {
      const page = await openBare(browser, demo, 'shaka-player/dist/shaka-player.compiled.js');
      const found = await page.evaluate(
        async ({ url, times }) => {
          const { shaka } = globalThis;
          const player = new shaka.Player();
          globalThis.player = player;
          player.addEventListener('error', ({ detail }) => (globalThis.failure ??= `shaka ${detail.code}: ${detail.data}`));
          const video = document.querySelector('video');
          await player.attach(video);
          await player.load(url);
          await video.play();
          const [track, ...others] = player.getImageTracks();
          const thumbnails = [];
          for (const time of times) thumbnails.push(await player.getThumbnails(track.id, time));
          return {
            count: 1 + others.length,
            size: [track.width, track.height],
            thumbnails: thumbnails.map(({ uris, positionX, positionY, width, height, startTime, duration }) => ({ url: uris[0], positionX, positionY, width, height, startTime, duration })),
            heights: [...new Set(player.getVariantTracks().map(({ height }) => height))].sort((a, b) => a - b),
            windable: player.getManifest().variants.filter(({ video }) => video.trickModeVideo).length,
            variants: player.getManifest().variants.length,
          };
        },
        { url: title() + manifest, times: THUMBNAILS.map(({ time }) => time) },
      );
      assert.equal(found.count, 1);
      // Of an MPD the player has divided the image by its tiles, of a playlist not.
      assert.deepEqual(found.size, manifest === '.mpd' ? [128, 72] : [640, 144]);
      assert.deepEqual(found.heights, HEIGHTS);
      for (const [index, { time, image, x, y }] of THUMBNAILS.entries()) {
        const thumbnail = found.thumbnails[index];
        assert.match(thumbnail.url, new RegExp(`/thumbnails/[^/]*-${image}\\.jpg`));
        assert.deepEqual([thumbnail.positionX, thumbnail.positionY], [x, y], `at ${time} s`);
        assert.deepEqual([thumbnail.width, thumbnail.height, thumbnail.duration], [128, 72, 2]);
        assert.equal(thumbnail.startTime, Math.floor(time / 2) * 2);
        // The picture that the thumbnail was made of, a little into it: players round seeks.
        const { width, height, difference } = await compare(page, { url: thumbnail.url, x, y, time: thumbnail.startTime + 0.02 });
        assert.deepEqual([width, height], [640, 144]);
        assert.ok(difference < 8, `the thumbnail for ${time} s differs from the picture by ${difference}`);
      }
      assert.equal(found.windable, found.variants, 'variants with key frames to wind by');
      await page.evaluate('document.querySelector("video").currentTime = 0; player.trickPlay(4); document.querySelector("video").play()');
      await advances(page, 16);
      await page.evaluate('player.cancelTrickPlay()');
      await advances(page, 2);
      await page.close();
    });
  }
});

describe('dash.js', () => {
  test('shows thumbnails, and offers no key frames as a quality', async () => {
    const page = await openPlayer(browser, demo, 'dash.js', `${title()}.mpd`);
    await advances(page, 3);
    const heights = await page.evaluate('player.getRepresentationsByType("video").map(({ height }) => height)');
    assert.deepEqual(heights.sort((a, b) => a - b), HEIGHTS);
    assert.equal(await page.evaluate('player.getTracksFor("video").length'), 1);
    for (const { time, image, x, y } of THUMBNAILS) {
      const thumbnail = await page.evaluate(
        (time) => new Promise((resolve) => player.provideThumbnail(time, (found) => resolve(found && { ...found }))),
        time,
      );
      assert.match(thumbnail.url, new RegExp(`/thumbnails/[^/]*-${image}\\.jpg`));
      assert.deepEqual([thumbnail.x, thumbnail.y, thumbnail.width, thumbnail.height], [x, y, 128, 72], `at ${time} s`);
    }
    await page.evaluate('document.querySelector("video").currentTime = 50');
    await advances(page, 2);
    await page.close();
  });
});

describe('hls.js', () => {
  for (const query of ['', '?hls_fmp4=false']) {
    test(`plays a title with key frames and thumbnails${query}`, async () => {
      const page = await openPlayer(browser, demo, 'hls.js', `${title()}.m3u8${query}`);
      await advances(page, 3);
      assert.deepEqual(await page.evaluate('player.levels.map(({ height }) => height)'), HEIGHTS);
      await page.close();
    });
  }
});
