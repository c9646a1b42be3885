// The demo's API: what there is, a sample a second, and what may be done.

/** What does not change while the demo runs. */
export async function describe() {
  const response = await fetch('/api/demo');
  if (!response.ok) throw new Error(`the demo answered ${response.status}`);
  return response.json();
}

/** Calls `onSample` with each sample and `onState` with `live` or `lost`. */
export function subscribe(onSample, onState) {
  const events = new EventSource('/api/events');
  events.onmessage = ({ data }) => {
    onState('live');
    onSample(JSON.parse(data));
  };
  events.onerror = () => onState('lost');
}

/** Kills or starts an origin; rejects with the reason when that fails. */
export function act(name, action) {
  return post(`/api/nodes/${encodeURIComponent(name)}/${action}`);
}

/** Makes it so many extra viewers. */
export function invite(viewers) {
  return post(`/api/audience/${viewers}`);
}

async function post(path) {
  const response = await fetch(path, { method: 'POST' });
  if (!response.ok) throw new Error((await response.text()).trim());
}
