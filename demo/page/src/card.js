// One player's card: the picture, its controls, and where its segments came from.
import { clock, language, rendition } from './format.js';

/** Segments shown in the trail. */
const TRAIL_LENGTH = 24;

const ICONS = {
  play: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg>',
  pause: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5h3v11H4zM9.5 2.5h3v11h-3z"/></svg>',
  muted: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 6h3l4-3.5v11L5 10H2zM11 6l1-1 1.25 1.25L14.5 5l1 1-1.25 1.25L15.5 8.5l-1 1-1.25-1.25L12 9.500l-1-1 1.25-1.25z"/></svg>',
  loud: '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 6h3l4-3.5v11L5 10H2zM10.500 5c1.600 1 1.600 5 0 6zM12 3c3.200 2 3.200 8 0 10l-.6-1c2.300-1.800 2.300-6.200 0-8z"/></svg>',
};

export class PlayerCard {
  #engineClass;
  #engine = null;
  #element;
  #video;
  #protocol;
  #title = null;
  #trail = [];
  #seeking = false;
  #generation = 0;

  /** @param engineClass one of players/ @param {() => void} onLoud called when this card's sound comes on */
  constructor(engineClass, onLoud) {
    this.#engineClass = engineClass;
    this.#protocol = engineClass.protocols[0];
    this.#element = document.getElementById('player-template').content.firstElementChild.cloneNode(true);
    this.#element.dataset.player = engineClass.label;
    this.#video = this.#get('video');
    this.#get('h3').textContent = engineClass.label;
    this.#video.setAttribute('aria-label', `Picture of ${engineClass.label}`);
    this.#drawProtocols();
    this.#drawTrail();
    this.#wire(onLoud);
  }

  get element() {
    return this.#element;
  }

  /** Plays a title from its start: `{dash, hls}` URLs. */
  async play(title) {
    this.#title = title;
    const generation = ++this.#generation;
    this.#element.dataset.phase = 'loading';
    this.#element.dataset.protocol = this.#protocol;
    this.#get('.error').hidden = true;
    this.#get('.captions').replaceChildren();
    this.#get('.text').replaceChildren();
    this.#trail = [];
    this.#element.dataset.origin = '';
    this.#get('.by').textContent = '–';
    this.#drawTrail();
    const old = this.#engine;
    this.#engine = null;
    await old?.destroy();
    if (generation !== this.#generation) return;
    const engine = new this.#engineClass(this.#video, this.#get('.captions'));
    this.#engine = engine;
    engine.addEventListener('tracks', () => this.#drawChoices());
    engine.addEventListener('segment', ({ detail }) => this.#noteSegment(detail));
    engine.addEventListener('failure', ({ detail }) => this.#showError(detail.message));
    await engine.load(title[this.#protocol]);
    // Refused when the user wants no autoplay: the play button is there.
    this.#video.play().catch(() => {});
  }

  mute() {
    this.#video.muted = true;
  }

  /** Brings the figures up to date; to be called a few times a second. */
  refresh() {
    const video = this.#video;
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    const time = video.currentTime;
    const ahead = bufferedAhead(video);
    const seek = this.#get('.seek');
    seek.max = duration || 1;
    if (!this.#seeking) seek.value = time;
    seek.setAttribute('aria-valuetext', `${clock(time)} of ${clock(duration)}`);
    seek.style.setProperty('--played', `${percent(time, duration)}%`);
    seek.style.setProperty('--buffered', `${percent(time + ahead, duration)}%`);
    this.#get('.time').textContent = `${clock(time)} / ${clock(duration)}`;
    this.#get('.buffer').textContent = `${ahead.toFixed(1)} s`;
    this.#get('.playing').textContent = video.videoWidth ? `${video.videoWidth} × ${video.videoHeight}` : '–';
    const quality = video.getVideoPlaybackQuality();
    this.#get('.dropped').textContent = String(quality.droppedVideoFrames);
    if (!video.paused && time > 0 && !video.error) this.#element.dataset.phase = 'playing';
  }

  #get(selector) {
    return this.#element.querySelector(selector);
  }

  #wire(onLoud) {
    const video = this.#video;
    const play = this.#get('.play');
    const sound = this.#get('.sound');
    const drawPlay = () => {
      play.innerHTML = video.paused ? ICONS.play : ICONS.pause;
      play.setAttribute('aria-label', video.paused ? 'Play' : 'Pause');
    };
    const drawSound = () => {
      sound.innerHTML = video.muted ? ICONS.muted : ICONS.loud;
      sound.setAttribute('aria-pressed', String(!video.muted));
    };
    play.addEventListener('click', () => (video.paused ? video.play() : video.pause()));
    sound.addEventListener('click', () => {
      video.muted = !video.muted;
      if (!video.muted) onLoud(this);
    });
    for (const event of ['play', 'pause', 'ended']) video.addEventListener(event, drawPlay);
    video.addEventListener('volumechange', drawSound);
    video.addEventListener('ended', () => {
      video.currentTime = 0;
      video.play().catch(() => {});
    });
    video.addEventListener('error', () => {
      if (video.error && this.#engine) this.#showError(video.error.message || `media error ${video.error.code}`);
    });
    const seek = this.#get('.seek');
    seek.addEventListener('input', () => {
      this.#seeking = true;
      this.#get('.time').textContent = clock(Number(seek.value));
    });
    seek.addEventListener('change', () => {
      this.#seeking = false;
      video.currentTime = Number(seek.value);
    });
    this.#get('.rendition').addEventListener('change', ({ target }) => {
      const chosen = this.#engine?.renditions().find(({ id }) => String(id) === target.value);
      this.#engine?.chooseRendition(chosen ? chosen.id : null);
    });
    this.#get('.language').addEventListener('change', ({ target }) => this.#engine?.chooseLanguage(Number(target.value)));
    this.#get('.text').addEventListener('change', ({ target }) => this.#engine?.chooseText(target.value === 'off' ? null : Number(target.value)));
    drawPlay();
    drawSound();
  }

  #drawProtocols() {
    const { protocols } = this.#engineClass;
    const group = this.#get('.protocols');
    group.replaceChildren(...protocols.map((protocol) => {
      const item = document.createElement(protocols.length > 1 ? 'button' : 'span');
      item.textContent = protocol.toUpperCase();
      if (protocols.length > 1) {
        item.type = 'button';
        item.dataset.protocol = protocol;
        item.setAttribute('aria-pressed', String(protocol === this.#protocol));
        item.addEventListener('click', () => {
          this.#protocol = protocol;
          this.#drawProtocols();
          if (this.#title) this.play(this.#title);
        });
      }
      return item;
    }));
  }

  #drawChoices() {
    if (!this.#engine) return;
    const renditions = this.#engine.renditions().sort((one, other) => one.bitrate - other.bitrate);
    const options = renditions.map(({ id, height, bitrate }) => new Option(rendition(height, bitrate), String(id)));
    fill(this.#get('.rendition'), [new Option('Automatic', 'auto'), ...options]);
    const languages = this.#engine.languages();
    fill(this.#get('.language'), languages.map(({ id, code }) => new Option(language(code), String(id))));
    const active = languages.find((one) => one.active);
    if (active) this.#get('.language').value = String(active.id);
    const texts = this.#engine.texts().map(({ id, code }) => new Option(language(code), String(id)));
    fill(this.#get('.text'), [new Option('Off', 'off'), ...texts]);
  }

  #noteSegment({ kind, origin, attempts }) {
    if (kind !== 'video') return;
    this.#trail.push({ origin, attempts });
    this.#trail = this.#trail.slice(-TRAIL_LENGTH);
    this.#element.dataset.origin = origin ?? '';
    this.#get('.by').textContent = origin ?? 'unknown';
    this.#drawTrail();
  }

  #drawTrail() {
    const trail = this.#get('.trail');
    trail.replaceChildren(...Array.from({ length: TRAIL_LENGTH }, (_, index) => {
      const block = document.createElement('i');
      const segment = this.#trail[index];
      block.dataset.origin = segment?.origin ?? 'none';
      if (segment) block.title = segment.attempts > 1 ? `${segment.origin}, after ${segment.attempts} attempts` : String(segment.origin);
      if (segment?.attempts > 1) block.dataset.retried = '';
      return block;
    }));
    const names = this.#trail.map(({ origin }) => origin).join(', ');
    trail.setAttribute('aria-label', `Origins of the last segments: ${names || 'none yet'}`);
  }

  #showError(message) {
    this.#element.dataset.phase = 'failed';
    const error = this.#get('.error');
    error.textContent = message;
    error.hidden = false;
  }
}

/** Replaces a list's options, keeping what was chosen when it is still there. */
function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options);
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
  select.disabled = options.length < 2;
}

function bufferedAhead(video) {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime + 0.1 && currentTime < buffered.end(index)) return buffered.end(index) - currentTime;
  }
  return 0;
}

function percent(part, whole) {
  return whole ? Math.min(100, (100 * part) / whole) : 0;
}
