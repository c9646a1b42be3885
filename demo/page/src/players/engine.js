// What the three players have in common for the page.
//
// An engine plays one URL in one video element and dispatches:
//   tracks   renditions, languages or texts are known or changed
//   segment  detail {kind, origin, attempts}: a media segment arrived
//   failure  detail {message}: playback cannot go on

/** How far ahead players fetch: little, so that a killed origin is missed soon. */
export const BUFFER_SECONDS = 12;

/** How much they keep of what was shown: little, so that a seek back asks the origins. */
export const BUFFER_BEHIND_SECONDS = 6;

export class Engine extends EventTarget {
  /** @param {HTMLVideoElement} video @param {HTMLElement} captions over it, for players that draw text themselves */
  constructor(video, captions) {
    super();
    this.video = video;
    this.captions = captions;
  }

  /** Tells where a segment came from. `header` looks a response header up. */
  segment(kind, header) {
    const detail = { kind, origin: header('x-strata-origin') ?? null, attempts: Number(header('x-strata-attempts') ?? 1) };
    this.dispatchEvent(new CustomEvent('segment', { detail }));
  }

  tracks() {
    this.dispatchEvent(new Event('tracks'));
  }

  failure(message) {
    this.dispatchEvent(new CustomEvent('failure', { detail: { message } }));
  }
}
