// Tracks whose encoding changes on the way: clips made by ffmpeg, one after the other in one
// file, with a sample entry each.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FRAGMENTED = 'cmaf+frag_keyframe+empty_moov+default_base_moof+skip_trailer';

/** Boxes that hold the ones to be changed. */
const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'moof', 'traf']);

/** The flags of `tfhd` as ffmpeg writes it: which entry, then default duration, size and flags. */
const FRAGMENT_HEADER_FLAGS = 0x3a;

/** Flags of a `trun`: what stands before its samples, and what each of them states, durations first. */
const RUN_FIELDS = [0x1, 0x4];
const SAMPLE_FIELDS = [0x100, 0x200, 0x400, 0x800];

/** Writes a file of clips to `path`; `clips` are ffmpeg's arguments for each, of one clock. */
export function writeJoined(path, clips) {
  const folder = mkdtempSync(join(tmpdir(), 'strata-joined-'));
  try {
    const files = clips.map((clip, index) => {
      const file = join(folder, `${index}.mp4`);
      execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', ...clip.split(' '), '-movflags', FRAGMENTED, file]);
      return readFileSync(file);
    });
    writeFileSync(path, joined(files));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function joined(files) {
  const entries = files.map((file) => {
    const description = boxes(file).find(({ type }) => type === 'stsd');
    return file.subarray(description.start + 16, description.end);
  });
  const parts = [head(files[0], entries)];
  let start = 0n;
  files.forEach((file, entry) => {
    start = place(file, entry, start);
    const movie = boxes(file).find(({ type }) => type === 'moov');
    parts.push(file.subarray(movie.end));
  });
  return Buffer.concat(parts);
}

/** What stands before the fragments of `file`, with these sample entries. */
function head(file, entries) {
  const all = boxes(file);
  const description = all.find(({ type }) => type === 'stsd');
  const movie = all.find(({ type }) => type === 'moov');
  const written = Buffer.concat([file.subarray(0, description.start + 16), ...entries, file.subarray(description.end, movie.end)]);
  const more = written.length - movie.end;
  for (const { type, start, end } of all) {
    if (start <= description.start && description.end <= end) written.writeUInt32BE(end - start + more, start);
    if (type === 'stsd') written.writeUInt32BE(entries.length, start + 12);
  }
  return written;
}

/** Lets the fragments of `file` start at `begin` and use sample entry `entry` (0-based); when they end. */
function place(file, entry, begin) {
  let duration = 0;
  let end = begin;
  for (const { type, start } of boxes(file)) {
    const flags = file.readUInt32BE(start + 8) & 0xff_ffff;
    if (type === 'tfhd') {
      if ((flags & 0xff) !== FRAGMENT_HEADER_FLAGS) throw new Error(`a tfhd with flags ${flags.toString(16)}`);
      file.writeUInt32BE(entry + 1, start + 16);
      duration = file.readUInt32BE(start + 20);
    } else if (type === 'tfdt') {
      end = begin + file.readBigUInt64BE(start + 12);
      file.writeBigUInt64BE(end, start + 12);
    } else if (type === 'trun') {
      end += BigInt(runDuration(file, start, flags, duration));
    }
  }
  return end;
}

/** Ticks that the samples of the `trun` at `start` last, each for `duration` unless they say so themselves. */
function runDuration(file, start, flags, duration) {
  const count = file.readUInt32BE(start + 12);
  if (!(flags & SAMPLE_FIELDS[0])) return count * duration;
  const size = (fields) => 4 * fields.filter((field) => flags & field).length;
  const first = start + 16 + size(RUN_FIELDS);
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += file.readUInt32BE(first + index * size(SAMPLE_FIELDS));
  return sum;
}

/** The boxes of a file, those that hold others before what they hold. */
function boxes(file, from = 0, to = file.length) {
  const found = [];
  for (let start = from; start < to; ) {
    const end = start + file.readUInt32BE(start);
    const type = file.toString('latin1', start + 4, start + 8);
    found.push({ type, start, end });
    if (CONTAINERS.has(type)) found.push(...boxes(file, start + 8, end));
    start = end;
  }
  return found;
}
