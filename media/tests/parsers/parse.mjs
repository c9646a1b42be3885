// Reads a title as mp4box.js, m3u8-parser and mpd-parser understand it, and compares
// with what `expected.json` in the same folder says. Prints the first difference.
//
//   node parse.mjs FOLDER

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'm3u8-parser';
import mp4box from 'mp4box';
import { parse as parseMpd } from 'mpd-parser';

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name));
const text = (name) => read(name).toString('utf8');
const expected = JSON.parse(text('expected.json'));

// What a parser warns of is a difference, too.
mp4box.Log.setLogLevel(mp4box.Log.error);
for (const word of ['warn', 'error']) {
  mp4box.Log[word] = (...message) => {
    // It reads fewer codecs than are served.
    if (message.join(' ').includes('Unknown sample entry type: alac')) return;
    throw new Error(`mp4box ${word}: ${message.join(' ')}`);
  };
}

function boxes(name) {
  const bytes = read(name);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  buffer.fileStart = 0;
  const file = mp4box.createFile();
  file.appendBuffer(buffer);
  file.flush();
  const sizes = file.boxes.reduce((sum, box) => sum + box.size, 0);
  assert.equal(sizes, bytes.length, `${name}: boxes up to the end`);
  return file;
}

function checkInit(name, track) {
  const file = boxes(name);
  assert.deepEqual(file.boxes.map((box) => box.type), ['ftyp', 'moov'], name);
  const [trak] = file.moov.traks;
  assert.equal(file.moov.traks.length, 1, name);
  assert.equal(trak.mdia.mdhd.timescale, track.timescale, name);
  assert.deepEqual(trak.mdia.minf.stbl.stsd.entries.map((entry) => entry.type), track.entries, name);
}

function checkMedia(name, samples, media) {
  const file = boxes(name);
  const types = file.boxes.map((box) => box.type);
  assert.equal(types[0], 'styp', name);
  const fragments = types.slice(1);
  assert.deepEqual(fragments, fragments.map((_, index) => (index % 2 ? 'mdat' : 'moof')), name);
  let count = 0;
  for (const { trafs } of file.moofs) {
    assert.equal(trafs.length, 1, name);
    assert.equal(trafs[0].truns.length, 1, name);
    assert.ok(trafs[0].tfdt, `${name}: tfdt`);
    count += trafs[0].truns[0].sample_count;
  }
  assert.equal(count, samples, `${name}: samples`);
  const sizes = file.boxes.filter((box) => box.type === 'mdat').map((box) => box.size - box.hdr_size);
  assert.equal(sizes.reduce((sum, size) => sum + size, 0), media, `${name}: bytes of media`);
}

function playlist(name) {
  const parser = new Parser();
  parser.on('warn', (event) => assert.fail(`${name}: ${event.message}`));
  parser.push(text(name));
  parser.end();
  return parser.manifest;
}

function near(actual, wanted, what) {
  assert.ok(Math.abs(actual - wanted) < 0.001, `${what}: ${actual} and not ${wanted}`);
}

function checkMediaPlaylist(name, durations, hasMap) {
  const { segments, targetDuration, endList } = playlist(name);
  assert.ok(endList, name);
  assert.equal(segments.length, durations.length, `${name}: segments`);
  segments.forEach((segment, index) => {
    near(segment.duration, durations[index], `${name}: segment ${index}`);
    assert.ok(Math.round(segment.duration) <= targetDuration, `${name}: target duration`);
    assert.equal(Boolean(segment.map), hasMap, `${name}: map`);
  });
}

function checkMaster(name, count) {
  const { playlists } = playlist(name);
  assert.equal(playlists.length, count, `${name}: variants`);
  for (const { attributes, uri } of playlists) {
    assert.ok(attributes.BANDWIDTH >= attributes['AVERAGE-BANDWIDTH'], `${name}: ${uri}`);
    assert.ok(attributes.CODECS, `${name}: ${uri}`);
  }
}

function checkMpd(name, tracks) {
  const failures = [];
  const manifest = parseMpd(text(name), {
    manifestUri: 'http://127.0.0.1/film.ism/.mpd',
    eventHandler: (event) => failures.push(event.message),
  });
  assert.deepEqual(failures, [], name);
  const groups = Object.values(manifest.mediaGroups.AUDIO).flatMap((group) => Object.values(group));
  const all = [...manifest.playlists, ...groups.flatMap((group) => group.playlists)];
  // Sets for trick play show key frames of pictures that are there already.
  const found = all.filter((one) => !one.attributes.NAME.endsWith('-keyframes'));
  const byName = new Map(found.map((one) => [one.attributes.NAME, one]));
  assert.deepEqual([...byName.keys()].sort(), tracks.map((track) => track.id).sort(), name);
  for (const track of tracks) {
    const { segments, attributes } = byName.get(track.id);
    assert.equal(attributes.CODECS, track.codecs, `${name}: ${track.id}`);
    assert.equal(segments.length, track.durations.length, `${name}: ${track.id}`);
    segments.forEach((segment, index) => {
      near(segment.duration, track.durations[index], `${name}: ${track.id} segment ${index}`);
      assert.ok(segment.map.uri.endsWith(`${track.id}.dash`), `${name}: ${segment.map.uri}`);
    });
  }
}

for (const [index, track] of expected.tracks.entries()) {
  checkInit(`${index}/init.mp4`, track);
  track.samples.forEach((samples, number) => {
    checkMedia(`${index}/${number}.m4s`, samples, track.media[number]);
  });
  if (track.hls) checkMediaPlaylist(`${index}/media.m3u8`, track.durations, true);
}
if (expected.tracks.some((track) => track.hls)) checkMaster('master.m3u8', expected.variants);
if (expected.ts) {
  checkMaster('master-ts.m3u8', expected.ts.variants);
  checkMediaPlaylist('media-ts.m3u8', expected.ts.durations, false);
}
const inDash = expected.tracks.filter((track) => track.dash);
if (inDash.length) checkMpd('title.mpd', inDash);
