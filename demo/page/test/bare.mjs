// A video on an empty page, and what players of it have in common for tests.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

/** By path: the packages do not export every file they ship. */
const packages = fileURLToPath(new URL('../node_modules/', import.meta.url));

/** Time a player may take to get somewhere, on a busy machine. */
export const PATIENCE_MS = 30_000;

/** Opens a page of the balancer's own, whatever it says: players there need no other's permission. */
export async function openBare(browser, demo, ...scripts) {
  const page = await browser.newPage();
  await page.goto(`${demo.about.balancer}/`);
  await page.setContent('<!doctype html><video muted></video><div class="captions"></div>');
  for (const script of scripts) await page.addScriptTag({ path: packages + script });
  return page;
}

/**
 * How players are told to play `url` in `video`. What is fatal becomes the page's `failure`; `texts()` are the
 * languages of its texts, `show(index)` shows one of them.
 */
export const PLAYERS = {
  'dash.js': {
    script: 'dashjs/dist/legacy/umd/dash.all.min.js',
    play(url) {
      const player = globalThis.dashjs.MediaPlayer().create();
      globalThis.player = player;
      player.updateSettings({ debug: { logLevel: 0 } });
      player.on('error', ({ error }) => (globalThis.failure ??= error?.message ?? String(error)));
      player.initialize(document.querySelector('video'), url, true);
      player.attachTTMLRenderingDiv(document.querySelector('.captions'));
      globalThis.texts = () => player.getTracksFor('text').map(({ lang }) => lang);
      globalThis.show = (index) => {
        player.enableText(true);
        player.setTextTrack(index);
      };
    },
  },
  'shaka-player': {
    script: 'shaka-player/dist/shaka-player.compiled.js',
    async play(url) {
      const { shaka } = globalThis;
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      globalThis.player = player;
      player.addEventListener('error', ({ detail }) => (globalThis.failure ??= `shaka ${detail.code}: ${detail.data}`));
      const video = document.querySelector('video');
      try {
        await player.attach(video);
        await player.load(url);
        await video.play();
      } catch (error) {
        globalThis.failure ??= `shaka ${error.code ?? error}: ${error.data}`;
      }
      globalThis.texts = () => player.getTextTracks().map(({ language }) => language);
      globalThis.show = (index) => player.selectTextTrack(player.getTextTracks()[index]);
    },
  },
  'hls.js': {
    script: 'hls.js/dist/hls.min.js',
    play(url) {
      const { Hls } = globalThis;
      const hls = new Hls();
      globalThis.player = hls;
      hls.on(Hls.Events.ERROR, (_, { fatal, details, error }) => {
        if (fatal) globalThis.failure ??= `${details}: ${error?.message}`;
      });
      hls.loadSource(url);
      const video = document.querySelector('video');
      hls.attachMedia(video);
      video.play();
      globalThis.texts = () => hls.subtitleTracks.map(({ lang }) => lang);
      globalThis.show = (index) => {
        hls.subtitleDisplay = true;
        hls.subtitleTrack = index;
      };
    },
  },
};

/** Opens a page on which the player of this name plays `url`. */
export async function openPlayer(browser, demo, name, url) {
  const { script, play } = PLAYERS[name];
  const page = await openBare(browser, demo, script);
  await page.evaluate(`(${asFunction(play)})(${JSON.stringify(url)})`);
  return page;
}

/** A method's text as that of a function. */
export function asFunction(method) {
  const text = method.toString();
  return text.startsWith('async') ? text.replace(/^async \w+/, 'async function') : `function ${text.replace(/^\w+/, '')}`;
}

/** Waits until the condition holds in the page; a player that fails ends the wait. */
export async function until(page, condition, values, what) {
  const asked = page.waitForFunction(
    ({ condition, values }) => globalThis.failure || (0, eval)(condition)(values),
    { condition: `(${condition})`, values },
    { timeout: PATIENCE_MS },
  );
  const came = await asked.then(() => true, () => false);
  assert.equal(await page.evaluate('globalThis.failure ?? null'), null, what);
  assert.ok(came, `waited in vain for ${what}: ${JSON.stringify(await state(page))}`);
}

/** Where the video is and how it fares. */
export async function state(page) {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    const { buffered } = video;
    return {
      time: video.currentTime,
      buffered: Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]),
      paused: video.paused,
      readyState: video.readyState,
      duration: video.duration,
      width: video.videoWidth,
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
      // Chromium's own count.
      soundBytes: video.webkitAudioDecodedByteCount,
      ended: video.ended,
    };
  });
}

/** Waits until so many seconds have been played; of pictures at least so many a second. */
export async function advances(page, seconds, picturesMin = 0) {
  const start = await state(page);
  const gone = ({ time, seconds }) => document.querySelector('video').currentTime - time >= seconds;
  await until(page, gone, { time: start.time, seconds }, `${seconds} s from ${start.time} on`);
  const end = await state(page);
  const pictures = end.frames - start.frames;
  assert.ok(pictures >= seconds * picturesMin, `${pictures} pictures in ${seconds} s`);
}

/** Seeks to shortly before `seconds` and waits until a subtitle with these words is shown. */
export async function reads(page, seconds, words) {
  await page.evaluate(`document.querySelector('video').currentTime = ${seconds - 0.5}`);
  const shown = (words) => {
    const showing = [...document.querySelector('video').textTracks].filter(({ mode }) => mode === 'showing');
    const cues = showing.flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => (text ?? '').replace(/<[^>]*>/g, '')));
    return [...cues, document.querySelector('.captions').textContent].some((text) => text.includes(words));
  };
  await until(page, shown, words, `the words ${JSON.stringify(words)}`);
}

/** The size of an image, and how far its 128×72 pixels at `x`, `y` differ from the video at `time`: mean of 0 to 255. */
export async function compare(page, { url, x, y, time }) {
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
