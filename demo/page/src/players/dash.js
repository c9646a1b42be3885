// DASH in dash.js.
import * as dashjs from 'dashjs';

import { BUFFER_BEHIND_SECONDS, BUFFER_SECONDS, Engine } from './engine.js';

export class DashEngine extends Engine {
  static label = 'dash.js';
  static protocols = ['dash'];

  #player = dashjs.MediaPlayer().create();

  async load(url) {
    const player = this.#player;
    const events = dashjs.MediaPlayer.events;
    player.initialize();
    player.updateSettings({
      debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE },
      streaming: {
        buffer: {
          bufferTimeDefault: BUFFER_SECONDS,
          bufferTimeAtTopQuality: BUFFER_SECONDS,
          bufferTimeAtTopQualityLongForm: BUFFER_SECONDS,
          bufferToKeep: BUFFER_BEHIND_SECONDS,
          fastSwitchEnabled: true,
        },
        trackSwitchMode: { audio: 'alwaysReplace' },
        text: { defaultEnabled: false },
      },
    });
    player.addResponseInterceptor(async (response) => {
      const request = response.request?.customData?.request;
      if (request?.type === 'MediaSegment') {
        this.segment(request.mediaType, (name) => response.headers?.[name]);
      }
      return response;
    });
    player.on(events.STREAM_INITIALIZED, () => this.tracks());
    player.on(events.TRACK_CHANGE_RENDERED, () => this.tracks());
    player.on(events.TEXT_TRACKS_ADDED, () => this.tracks());
    player.on(events.ERROR, ({ error }) => this.failure(error?.message ?? String(error)));
    player.attachView(this.video);
    player.attachTTMLRenderingDiv(this.captions);
    player.setAutoPlay(true);
    player.attachSource(url);
  }

  renditions() {
    const list = this.#player.getRepresentationsByType('video') ?? [];
    return list.map(({ id, height, bandwidth }) => ({ id, height, bitrate: bandwidth }));
  }

  chooseRendition(id) {
    this.#player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === null } } } });
    if (id !== null) this.#player.setRepresentationForTypeById('video', id, true);
  }

  languages() {
    const current = this.#player.getCurrentTrackFor('audio');
    return (this.#player.getTracksFor('audio') ?? []).map(({ lang, index }) => ({ id: index, code: lang, active: index === current?.index }));
  }

  chooseLanguage(id) {
    const track = this.#player.getTracksFor('audio').find(({ index }) => index === id);
    if (track) this.#player.setCurrentTrack(track);
  }

  texts() {
    return (this.#player.getTracksFor('text') ?? []).map(({ lang }, id) => ({ id, code: lang }));
  }

  /** @param {number|null} id null shows none */
  chooseText(id) {
    this.#player.enableText(id !== null);
    this.#player.setTextTrack(id ?? -1);
  }

  async destroy() {
    this.#player.destroy();
  }
}
