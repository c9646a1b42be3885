// Numbers and times as people read them.

/** `1:05` of 65.4 seconds. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `269 kb/s` or `2.4 Mb/s` of bits a second. */
export function bitrate(bits) {
  return bits < 1e6 ? `${Math.round(bits / 1e3)} kb/s` : `${(bits / 1e6).toFixed(1)} Mb/s`;
}

/** `3.2 MB` of bytes. */
export function bytes(count) {
  if (count < 1e6) return `${Math.round(count / 1e3)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}

/** A rate with one decimal while it is small. */
export function rate(perSecond) {
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

/** `English` of `en` or `eng`; the code itself when it is unknown. */
export function language(code) {
  if (!code || code === 'und') return 'Undetermined';
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** What a rendition is called in lists. */
export function rendition(height, bits) {
  return height ? `${height}p · ${bitrate(bits)}` : bitrate(bits);
}
