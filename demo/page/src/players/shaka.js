// DASH or HLS in shaka-player.
import shaka from 'shaka-player';

import { BUFFER_BEHIND_SECONDS, BUFFER_SECONDS, Engine } from './engine.js';

shaka.polyfill.installAll();

export class ShakaEngine extends Engine {
  static label = 'shaka-player';
  static protocols = ['dash', 'hls'];

  #player = new shaka.Player();

  async load(url) {
    const player = this.#player;
    player.configure({ streaming: { bufferingGoal: BUFFER_SECONDS, bufferBehind: BUFFER_BEHIND_SECONDS } });
    const { RequestType, AdvancedRequestType } = shaka.net.NetworkingEngine;
    player.getNetworkingEngine().registerResponseFilter((type, response, context) => {
      if (type !== RequestType.SEGMENT || context?.type !== AdvancedRequestType.MEDIA_SEGMENT) return;
      const kind = context.stream?.type ?? 'video';
      this.segment(kind, (name) => response.headers[name]);
    });
    for (const event of ['trackschanged', 'texttrackschanged', 'audiotrackschanged', 'variantchanged', 'adaptation']) {
      player.addEventListener(event, () => this.tracks());
    }
    player.addEventListener('error', ({ detail }) => {
      if (detail.severity === shaka.util.Error.Severity.CRITICAL) this.failure(describe(detail));
    });
    try {
      await player.attach(this.video);
      await player.load(url);
      this.tracks();
    } catch (error) {
      if (error.code !== shaka.util.Error.Code.LOAD_INTERRUPTED) this.failure(describe(error));
    }
  }

  renditions() {
    const tracks = this.#player.getVideoTracks();
    return tracks.map(({ height, bandwidth }) => ({ id: `${height}@${bandwidth}`, height, bitrate: bandwidth }));
  }

  chooseRendition(id) {
    this.#player.configure({ abr: { enabled: id === null } });
    const track = this.#player.getVideoTracks().find(({ height, bandwidth }) => `${height}@${bandwidth}` === id);
    if (track) this.#player.selectVideoTrack(track, true);
  }

  languages() {
    return this.#player.getAudioTracks().map(({ language, active }, id) => ({ id, code: language, active }));
  }

  chooseLanguage(id) {
    const track = this.#player.getAudioTracks()[id];
    if (track) this.#player.selectAudioTrack(track);
  }

  texts() {
    return this.#player.getTextTracks().map(({ language }, id) => ({ id, code: language }));
  }

  /** @param {number|null} id null shows none */
  chooseText(id) {
    this.#player.selectTextTrack(id === null ? null : this.#player.getTextTracks()[id]);
  }

  async destroy() {
    await this.#player.destroy();
  }
}

function describe(error) {
  const name = Object.entries(shaka.util.Error.Code).find(([, code]) => code === error.code)?.[0];
  if (!name) return String(error.message ?? error);
  // Its data are the URL and the status, among others.
  return name === 'BAD_HTTP_STATUS' ? `${name}, HTTP ${error.data[1]}` : name;
}
