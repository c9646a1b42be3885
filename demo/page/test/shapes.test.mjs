// Parts of a title, and texts of HLS in fragmented MP4, in the players that read them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { advances, compare, openPlayer, reads, state, until } from './bare.mjs';
import { Demo, openBrowser } from './demo.mjs';

/** In seconds of the title. Neither is where a segment starts. */
const CLIP = { begin: 13, end: 26 };

/** The title's thumbnails of 128×72 show a picture every 2 s, ten to an image, five a row. */
const thumbnail = (time) => {
  const tile = Math.floor(time / 2);
  const place = tile % 10;
  return { image: Math.floor(tile / 10) + 1, x: (place % 5) * 128, y: Math.floor(place / 5) * 72 };
};

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

/** Where the title's image of thumbnails `image` is. */
async function imageUrl(image) {
  const master = await (await fetch(`${title()}.m3u8`)).text();
  const [, playlist] = master.match(/#EXT-X-IMAGE-STREAM-INF:.*URI="([^"]+)"/);
  return new URL(playlist.replace(/\.m3u8$/, `-${image}.jpg`), title()).href;
}

// Two at a time: a player has little to do but to decode.
describe('A clip', { concurrency: 2 }, () => {
  for (const [name, manifest] of [
    ['dash.js', '.mpd'],
    ['shaka-player', '.mpd'],
    ['hls.js', '.m3u8'],
    ['shaka-player', '.m3u8'],
  ]) {
    test(`plays in ${name} from ${manifest}, from its start to its end`, async () => {
      const url = `${title()}${manifest}?vbegin=${CLIP.begin}&vend=${CLIP.end}`;
      const page = await openPlayer(browser, demo, name, url);
      await advances(page, 2, 12);
      const { duration, buffered } = await state(page);
      assert.ok(Math.abs(duration - (CLIP.end - CLIP.begin)) < 0.1, `it lasts ${duration} s`);
      assert.ok(buffered[0][0] < 0.1, `it starts at ${buffered[0][0]} s`);
      await page.evaluate('document.querySelector("video").playbackRate = 4');
      await until(page, () => document.querySelector('video').ended, null, 'the end');
      // Pictures of the title that are at a thumbnail's moment, near the start and near the end.
      for (const time of [14, 24]) {
        const { image, x, y } = thumbnail(time);
        const { difference } = await compare(page, { url: await imageUrl(image), x, y, time: time - CLIP.begin + 0.02 });
        assert.ok(difference < 8, `at ${time} s of the title the picture differs by ${difference}`);
      }
      await page.close();
    });
  }
});

describe('A text of HLS in fragmented MP4', { concurrency: 2 }, () => {
  // Texts that differ come in WebVTT, so it is one at a time.
  for (const [name, language, words] of [
    ['shaka-player', 'eng', 'the bell strikes with it'],
    ['shaka-player', 'fra', 'la cloche sonne avec elle'],
    // It reads no WebVTT in fragments.
    ['hls.js', 'fra', 'la cloche sonne avec elle'],
  ]) {
    test(`is read by ${name} in ${language}`, async () => {
      const filter = encodeURIComponent(`type!="textstream"||systemLanguage=="${language}"`);
      const page = await openPlayer(browser, demo, name, `${title()}.m3u8?hls_text=fmp4&filter=${filter}`);
      await advances(page, 1, 12);
      assert.equal((await page.evaluate('texts()')).length, 1);
      await page.evaluate('show(0)');
      // A player that is sent elsewhere while it fetches its first text may forget it.
      await until(page, () => [...document.querySelector('video').textTracks].some(({ cues }) => cues?.length), null, 'a text');
      await reads(page, 8, words);
      await page.close();
    });
  }
});
