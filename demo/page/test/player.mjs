// One player on the page, driven as a user would and observed at its video.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

/** Time a player may take to get somewhere, on a busy machine. */
const PATIENCE_MS = 20_000;

/** Time between two looks at a video. */
const POLL_MS = 100;

export class Player {
  #card;

  /** @param page of playwright @param {string} name `hls.js`, `dash.js` or `shaka-player` */
  constructor(page, name) {
    this.name = name;
    this.#card = page.locator(`[data-player="${name}"]`);
  }

  /** Where it is and how it fares. */
  async state() {
    return this.#card.evaluate((card) => {
      const video = card.querySelector('video');
      return {
        time: video.currentTime,
        duration: video.duration,
        height: video.videoHeight,
        paused: video.paused,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
        error: video.error?.message ?? card.querySelector('.error:not([hidden])')?.textContent ?? null,
        origin: card.dataset.origin ?? null,
      };
    });
  }

  /** Waits until time has gone on by so many seconds, with frames decoded and no error. */
  async advances(seconds) {
    const before = await this.state();
    await this.#until(
      (video, { seconds, time }) => video.currentTime - time >= seconds,
      { seconds, time: before.time },
      `${this.name} to go on ${seconds} s from ${before.time}`,
    );
    const after = await this.state();
    assert.equal(after.error, null, `${this.name} failed`);
    // 25 frames a second; half of them would still be playback.
    assert.ok(after.frames - before.frames > seconds * 12, `${this.name} decoded ${after.frames - before.frames} frames in ${seconds} s`);
    return after;
  }

  /** Moves the slider. */
  async seek(seconds) {
    await this.#card.locator('.seek').evaluate((slider, value) => {
      slider.value = value;
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      slider.dispatchEvent(new Event('change', { bubbles: true }));
    }, String(seconds));
    await this.#until(
      (video, { seconds }) => !video.seeking && video.currentTime >= seconds && video.currentTime < seconds + 10 && video.readyState >= 3,
      { seconds },
      `${this.name} to seek to ${seconds}`,
    );
  }

  /** Chooses a rendition by its height and waits until such frames are shown. */
  async chooseRendition(height) {
    const list = this.#card.locator('.rendition');
    const label = (await list.locator('option').allTextContents()).find((text) => text.startsWith(`${height}p`));
    assert.ok(label, `${this.name} offers ${height}p`);
    await list.selectOption({ label });
    await this.#until((video, { height }) => video.videoHeight === height, { height }, `${this.name} to show ${height}p`);
  }

  async renditions() {
    return this.#card.locator('.rendition option').allTextContents();
  }

  async languages() {
    return this.#card.locator('.language option').allTextContents();
  }

  async chooseLanguage(name) {
    await this.#card.locator('.language').selectOption({ label: name });
  }

  async texts() {
    return this.#card.locator('.text option').allTextContents();
  }

  async chooseText(name) {
    await this.#card.locator('.text').selectOption({ label: name });
  }

  /** Waits until a subtitle with this in it is on the picture, and returns all that is. */
  async reads(words) {
    await this.#until(
      (video, { words }) => {
        const tracks = [...video.textTracks].filter(({ mode }) => mode === 'showing');
        const cues = tracks.flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => text ?? ''));
        const drawn = video.closest('[data-player]').querySelector('.captions').textContent;
        return [...cues, drawn].some((text) => text.includes(words));
      },
      { words },
      `${this.name} to show ${JSON.stringify(words)}`,
    );
  }

  async chooseProtocol(protocol) {
    await this.#card.locator(`.protocols [data-protocol="${protocol}"]`).click();
    await this.#until((video) => video.currentTime > 0 && video.currentTime < 20, {}, `${this.name} to start over`);
  }

  /** Waits until the last segment came from another origin than this. */
  async isServedByAnother(origin) {
    await this.#until((video, { origin }) => video.closest('[data-player]').dataset.origin !== origin, { origin }, `${this.name} to be served by another than ${origin}`);
  }

  /**
   * Listens until one of two pitches is clearly the louder one, and returns it.
   * The sample's languages have bells of their own: 880 Hz and 1320 Hz.
   */
  async hears(pitches) {
    return this.#card.locator('video').evaluate(async (video, { pitches, patience }) => {
      const context = new AudioContext();
      const source = context.createMediaStreamSource(video.captureStream());
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      source.connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      const loudness = (pitch) => {
        const bin = Math.round((pitch * analyser.fftSize) / context.sampleRate);
        return Math.max(...bins.slice(bin - 2, bin + 3));
      };
      const heard = pitches.map(() => -Infinity);
      const deadline = performance.now() + patience;
      try {
        while (performance.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          analyser.getFloatFrequencyData(bins);
          pitches.forEach((pitch, index) => (heard[index] = Math.max(heard[index], loudness(pitch))));
          const loudest = Math.max(...heard);
          const clearly = heard.filter((level) => level > loudest - 18).length === 1;
          if (loudest > -60 && clearly) return pitches[heard.indexOf(loudest)];
        }
        return null;
      } finally {
        await context.close();
      }
    }, { pitches, patience: 8_000 });
  }

  /** Asks the video until the condition holds. */
  async #until(condition, values, what) {
    const video = this.#card.locator('video');
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await video.evaluate(condition, values))) {
      if (deadline < Date.now()) throw new Error(`waited in vain for ${what}: ${JSON.stringify(await this.state())}`);
      await setTimeout(POLL_MS);
    }
  }
}
