// A title whose encoding changes on the way, in the players: one initialization segment has all
// sample entries, and no playlist has a discontinuity.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { openPlayer, state, until } from './bare.mjs';
import { Demo, openBrowser } from './demo.mjs';
import { writeJoined } from './joined.mjs';

/** Pictures change where a segment starts (at 6 s, the demo's target), sound within one. */
const PICTURES_CHANGE = 6;
const SOUND_CHANGES = 9;
const DURATION = 12;

const pictures = (size, profile) =>
  `-i testsrc2=s=${size}:r=25:d=${DURATION / 2} -c:v libx264 -preset veryfast -profile:v ${profile} -g 25 -bf 2 -sc_threshold 0 -video_track_timescale 12800`;
const sound = (pitch, channels, seconds) =>
  `-i sine=${pitch}:sample_rate=48000:d=${seconds} -c:a aac -b:a 64k -ac ${channels}`;

const MANIFEST = `<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><body><switch>
  <video src="pictures.mp4" systemBitrate="400000"/>
  <audio src="sound.mp4" systemBitrate="64000" systemLanguage="eng"/>
</switch></body></smil>`;

let folder;
let demo;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strata-changes-'));
  writeJoined(join(folder, 'pictures.mp4'), [pictures('128x72', 'high'), pictures('320x180', 'main')]);
  writeJoined(join(folder, 'sound.mp4'), [sound(440, 1, SOUND_CHANGES), sound(880, 2, DURATION - SOUND_CHANGES)]);
  writeFileSync(join(folder, 'film.ism'), MANIFEST);
  [demo, browser] = await Promise.all([Demo.start('--titles', folder), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
  rmSync(folder, { recursive: true });
});

/** Plays the title through, twice as fast, and looks at it before and behind each change. */
async function playThrough(name, manifest) {
  const title = demo.about.titles[0].dash.replace(/[^/]*$/, '');
  const page = await openPlayer(browser, demo, name, title + manifest);
  const passed = (seconds) =>
    until(page, (seconds) => document.querySelector('video').currentTime > seconds, seconds, `${name} to pass ${seconds} s`);
  await passed(0.5);
  // Players set it when they begin.
  await page.evaluate('document.querySelector("video").playbackRate = 2');
  assert.equal((await state(page)).width, 128, name);
  await passed(PICTURES_CHANGE + 0.5);
  assert.equal((await state(page)).width, 320, name);
  await passed(SOUND_CHANGES + 0.5);
  const before = await state(page);
  await until(page, () => document.querySelector('video').ended, null, `${name} to reach the end`);
  const { time, frames, soundBytes } = await state(page);
  assert.ok(Math.abs(time - DURATION) < 0.2, `${name} ends at ${time} s`);
  assert.ok(frames > DURATION * 25 * 0.6, `${name} decoded ${frames} pictures`);
  assert.ok(soundBytes > before.soundBytes, `${name} decodes sound behind the change`);
  await page.close();
}

describe('A title whose sample entries change', () => {
  test('plays through over HLS, without a discontinuity', async () => {
    const title = demo.about.titles[0].dash.replace(/[^/]*$/, '');
    const master = await (await fetch(`${title}.m3u8`)).text();
    for (const line of master.split('\n').filter((line) => line.includes('.m3u8'))) {
      const uri = line.match(/URI="([^"]+)"/)?.[1] ?? line;
      assert.doesNotMatch(await (await fetch(title + uri)).text(), /DISCONTINUITY/);
    }
    await Promise.all([
      playThrough('hls.js', '.m3u8'),
      playThrough('hls.js', '.m3u8?hls_fmp4=false'),
      playThrough('shaka-player', '.m3u8'),
    ]);
  });

  test('plays through over DASH', async () => {
    await Promise.all([playThrough('dash.js', '.mpd'), playThrough('shaka-player', '.mpd')]);
  });
});
