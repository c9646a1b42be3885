// A line of the last minute, as two SVG paths.

/** Samples in a line: one a second. */
export const SAMPLES = 60;

const WIDTH = 120;
const HEIGHT = 32;

/** Draws `values`, newest last; the scale never falls below `floor`. */
export function draw(svg, values, floor) {
  const top = Math.max(floor, ...values);
  const step = WIDTH / (SAMPLES - 1);
  const first = SAMPLES - values.length;
  const points = values.map((value, index) => `${((first + index) * step).toFixed(1)},${(HEIGHT - 1 - (value / top) * (HEIGHT - 4)).toFixed(1)}`);
  const line = points.length ? `M${points.join('L')}` : '';
  svg.querySelector('.line').setAttribute('d', line);
  const left = (first * step).toFixed(1);
  svg.querySelector('.area').setAttribute('d', line ? `${line}L${WIDTH},${HEIGHT}L${left},${HEIGHT}Z` : '');
}
