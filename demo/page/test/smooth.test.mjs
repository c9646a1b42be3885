// Smooth Streaming in the players that read it, over the whole of Strata.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { PLAYERS, advances, asFunction, openBare, reads } from './bare.mjs';
import { Demo, openBrowser } from './demo.mjs';

const HEIGHTS = [144, 240, 360, 720];

/** A second: of 25, half would still be playback. */
const PICTURES_MIN = 12;

/** Words of the subtitles at some seconds, in each language. */
const SUBTITLES = {
  2: { en: 'Dusk falls over the harbour', fr: 'Le soir tombe sur le port' },
  8: { en: 'the bell strikes with it', fr: 'la cloche sonne avec elle' },
  30: { en: 'The sun is nearly gone', fr: 'Le soleil a presque disparu' },
};

/** The players: their scripts, how they are told to play `url`, and what makes the page tell what they offer. */
const SMOOTH_PLAYERS = {
  'dash.js': {
    readsAt: [2, 8, 30],
    scripts: [PLAYERS['dash.js'].script, 'dashjs/dist/legacy/umd/dash.mss.min.js'],
    play: PLAYERS['dash.js'].play,
    offers() {
      const { player } = globalThis;
      globalThis.heights = () => player.getRepresentationsByType('video').map(({ height }) => height);
      globalThis.languages = () => player.getTracksFor('audio').map(({ lang }) => lang);
    },
  },
  // Its fifth version reads no Smooth Streaming any more.
  'shaka-player 4': {
    // It lists texts, and refuses every fragment of one: it makes no initialization for them.
    readsAt: [],
    scripts: ['codem-isoboxer/dist/iso_boxer.min.js', 'shaka-player-4/dist/shaka-player.compiled.js'],
    async play(url) {
      const { shaka } = globalThis;
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      globalThis.player = player;
      const video = document.querySelector('video');
      player.addEventListener('error', ({ detail }) => (globalThis.failure ??= `shaka ${detail.code}: ${detail.data}`));
      await player.attach(video);
      try {
        await player.load(url, null, 'application/vnd.ms-sstr+xml');
        await video.play();
      } catch (error) {
        globalThis.failure ??= `shaka ${error.code}: ${error.data}`;
      }
      globalThis.texts = () => player.getTextTracks().map(({ language }) => language);
      globalThis.show = (index) => {
        player.selectTextTrack(player.getTextTracks()[index]);
        player.setTextTrackVisibility(true);
      };
    },
    offers() {
      const { player } = globalThis;
      const distinct = (values) => [...new Set(values)];
      globalThis.heights = () => distinct(player.getVariantTracks().map(({ height }) => height));
      globalThis.languages = () => distinct(player.getVariantTracks().map(({ language }) => language));
    },
  },
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

describe('Smooth Streaming', () => {
  for (const [name, { scripts, play, offers, readsAt }] of Object.entries(SMOOTH_PLAYERS)) {
    test(`plays in ${name}, from the start and after seeks, in all renditions and languages, with texts`, async () => {
      const page = await openBare(browser, demo, ...scripts);
      const url = demo.about.titles[0].dash.replace(/[^/]*$/, 'Manifest');
      await page.evaluate(`(${asFunction(play)})(${JSON.stringify(url)})`);
      await page.evaluate(`(${asFunction(offers)})()`);

      await advances(page, 4, PICTURES_MIN);
      assert.deepEqual((await page.evaluate('heights()')).sort((a, b) => a - b), HEIGHTS);
      assert.deepEqual((await page.evaluate('languages()')).map((code) => code.slice(0, 2)).sort(), ['en', 'fr']);
      assert.ok(Math.abs((await page.evaluate('document.querySelector("video").duration')) - 70) < 0.2);
      for (const seconds of [50, 11]) {
        await page.evaluate(`document.querySelector('video').currentTime = ${seconds}`);
        await advances(page, 2, PICTURES_MIN);
      }
      const texts = (await page.evaluate('texts()')).map((code) => code.slice(0, 2));
      assert.deepEqual([...texts].sort(), ['en', 'fr']);
      for (const language of texts) {
        await page.evaluate(`show(${texts.indexOf(language)})`);
        for (const seconds of readsAt) await reads(page, seconds, SUBTITLES[seconds][language]);
      }
      await page.close();
    });
  }
});
