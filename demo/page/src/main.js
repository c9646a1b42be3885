// The page: three players over one strip of nodes.
import { PlayerCard } from './card.js';
import { describe, invite, subscribe } from './demo.js';
import { NodeStrip } from './nodes.js';
import { DashEngine } from './players/dash.js';
import { HlsEngine } from './players/hls.js';
import { ShakaEngine } from './players/shaka.js';

/** Time between two looks at the players. */
const REFRESH_MS = 250;

const VIEWERS = [0, 20, 100, 300];

const byId = (id) => document.getElementById(id);

const demo = await describe();

const cards = [HlsEngine, DashEngine, ShakaEngine].map((engine) => new PlayerCard(engine, muteOthers));
byId('players').replaceChildren(...cards.map(({ element }) => element));

const titles = byId('title');
titles.replaceChildren(...demo.titles.map(({ name }, index) => new Option(name, String(index))));
titles.disabled = demo.titles.length < 2;
titles.addEventListener('change', playChosen);

const strip = new NodeStrip(byId('strip'), byId('log'), demo);
const audience = byId('audience');
audience.append(...VIEWERS.filter((count) => count <= demo.viewersMax).map(viewersButton));
subscribe(showSample, showConnection);

playChosen();
setInterval(() => cards.forEach((card) => card.refresh()), REFRESH_MS);

function playChosen() {
  const title = demo.titles[Number(titles.value)];
  cards.forEach((card) => card.play(title));
}

/** One sound at a time. */
function muteOthers(loud) {
  cards.filter((card) => card !== loud).forEach((card) => card.mute());
}

function viewersButton(count) {
  const label = document.createElement('label');
  const input = document.createElement('input');
  Object.assign(input, { type: 'radio', name: 'viewers', value: String(count), checked: count === 0 });
  input.addEventListener('change', () => invite(count).catch((error) => strip.say(error.message)));
  label.append(input, count === 0 ? 'None' : String(count));
  return label;
}

function showSample(sample) {
  strip.show(sample);
  const { viewers, requests, failures } = sample.audience;
  const chosen = audience.querySelector(`input[value="${viewers}"]`);
  // Not under the hand of somebody who is choosing.
  if (chosen && !audience.contains(document.activeElement)) chosen.checked = true;
  byId('audience-count').textContent = requests ? `${requests.toLocaleString('en')} requests, ${failures.toLocaleString('en')} failed` : '';
}

function showConnection(state) {
  const live = byId('live');
  live.dataset.state = state;
  live.textContent = state === 'live' ? 'live' : 'connection lost';
}
