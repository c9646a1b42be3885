// HLS in hls.js.
import Hls from 'hls.js';

import { BUFFER_BEHIND_SECONDS, BUFFER_SECONDS, Engine } from './engine.js';

export class HlsEngine extends Engine {
  static label = 'hls.js';
  static protocols = ['hls'];

  #hls = new Hls({
    maxBufferLength: BUFFER_SECONDS,
    maxMaxBufferLength: BUFFER_SECONDS,
    backBufferLength: BUFFER_BEHIND_SECONDS,
    // The page's policy allows no code from elsewhere, and fMP4 needs no transmuxing.
    enableWorker: false,
    startLevel: -1,
  });

  async load(url) {
    const hls = this.#hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.tracks());
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => this.tracks());
    hls.on(Hls.Events.AUDIO_TRACK_SWITCHED, () => this.tracks());
    hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, () => this.tracks());
    hls.on(Hls.Events.FRAG_LOADED, (_, { frag, networkDetails }) => {
      if (frag.sn !== 'initSegment') this.segment(frag.type === 'main' ? 'video' : frag.type, (name) => networkDetails?.getResponseHeader?.(name));
    });
    hls.on(Hls.Events.ERROR, (_, { fatal, details, reason, response }) => {
      if (fatal) this.failure([details, reason, response?.code && `HTTP ${response.code}`].filter(Boolean).join(', '));
    });
    hls.attachMedia(this.video);
    hls.loadSource(url);
  }

  renditions() {
    return this.#hls.levels.map(({ height, bitrate }, id) => ({ id, height, bitrate }));
  }

  /** @param {number|null} id null lets the player choose */
  chooseRendition(id) {
    // A chosen level is shown at once, at the price of what is buffered.
    if (id === null) this.#hls.nextLevel = -1;
    else this.#hls.currentLevel = id;
  }

  languages() {
    const current = this.#hls.audioTrack;
    return this.#hls.audioTracks.map(({ lang, name }, id) => ({ id, code: lang ?? name, active: id === current }));
  }

  chooseLanguage(id) {
    this.#hls.audioTrack = id;
  }

  texts() {
    return this.#hls.subtitleTracks.map(({ lang, name }, id) => ({ id, code: lang ?? name }));
  }

  /** @param {number|null} id null shows none */
  chooseText(id) {
    this.#hls.subtitleTrack = id ?? -1;
  }

  async destroy() {
    this.#hls.destroy();
  }
}
