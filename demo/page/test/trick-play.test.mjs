// Key frames and thumbnails in the players, over the whole of Strata.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Demo, openBrowser } from './demo.mjs';

/** By path: the packages do not export every file they ship. */
const packages = fileURLToPath(new URL('../node_modules/', import.meta.url));
const HEIGHTS = [144, 240, 360, 720];

/** Time a player may take to get somewhere, on a busy machine. */
const PATIENCE_MS = 30_000;

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

/** A page with a video and a player's script. */
async function open(script) {
  const page = await browser.newPage();
  // A page of the balancer's own, whatever it says: players there need no other's permission.
  await page.goto(`${demo.about.balancer}/`);
  await page.setContent('<!doctype html><video muted></video>');
  await page.addScriptTag({ path: packages + script });
  return page;
}

const title = () => demo.about.titles[0].dash.replace(/[^/]*$/, '');

/** Waits until so many seconds have been played. */
async function advances(page, seconds) {
  const time = await page.evaluate('document.querySelector("video").currentTime');
  const went = page.waitForFunction(
    ({ time, seconds }) => globalThis.failure || document.querySelector('video').currentTime - time >= seconds,
    { time, seconds },
    { timeout: PATIENCE_MS },
  );
  await went.catch(() => {});
  assert.equal(await page.evaluate('globalThis.failure ?? null'), null);
  const end = await page.evaluate('document.querySelector("video").currentTime');
  assert.ok(end - time >= seconds, `played from ${time} to ${end}`);
}

/** The size of an image, and how far its part at `x`, `y` differs from the video at `time`: mean of 0 to 255. */
async function compare(page, { url, x, y, time }) {
  return page.evaluate(
    async ({ url, x, y, time }) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const video = document.querySelector('video');
      video.pause();
      const sought = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
      // Asked for before the seek: a paused video shows its frame once.
      const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      video.currentTime = time;
      await Promise.all([sought, shown]);
      const pixels = (draw) => {
        const canvas = new OffscreenCanvas(128, 72);
        const context = canvas.getContext('2d');
        draw(context);
        return context.getImageData(0, 0, 128, 72).data;
      };
      const thumbnail = pixels((context) => context.drawImage(image, x, y, 128, 72, 0, 0, 128, 72));
      const frame = pixels((context) => context.drawImage(video, 0, 0, 128, 72));
      let difference = 0;
      for (let index = 0; index < frame.length; index += 1) difference += Math.abs(frame[index] - thumbnail[index]);
      return { width: image.naturalWidth, height: image.naturalHeight, difference: difference / frame.length };
    },
    { url, x, y, time },
  );
}

describe('shaka-player', () => {
  for (const manifest of ['.mpd', '.m3u8']) {
    test(`shows thumbnails and winds by key frames, from ${manifest}`, async () => {
      const page = await open('shaka-player/dist/shaka-player.compiled.js');
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
    const page = await open('dashjs/dist/legacy/umd/dash.all.min.js');
    await page.evaluate((url) => {
      const player = globalThis.dashjs.MediaPlayer().create();
      globalThis.player = player;
      player.updateSettings({ debug: { logLevel: 0 } });
      player.on('error', ({ error }) => (globalThis.failure ??= error?.message ?? String(error)));
      player.initialize(document.querySelector('video'), url, true);
    }, `${title()}.mpd`);
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
      const page = await open('hls.js/dist/hls.min.js');
      await page.evaluate((url) => {
        const hls = new globalThis.Hls();
        globalThis.hls = hls;
        hls.on('hlsError', (_, { fatal, details }) => (globalThis.failure ??= fatal ? details : undefined));
        hls.loadSource(url);
        hls.attachMedia(document.querySelector('video'));
        document.querySelector('video').play();
      }, `${title()}.m3u8${query}`);
      await advances(page, 3);
      assert.deepEqual(await page.evaluate('hls.levels.map(({ height }) => height)'), HEIGHTS);
      await page.close();
    });
  }
});
