// The strip of nodes: balancer, origins by zone, store.
import { act } from './demo.js';
import { bytes, rate } from './format.js';
import { SAMPLES, draw } from './sparkline.js';

/** Requests a second that fill a sparkline at least. */
const SPARKLINE_FLOOR = 2;

/** Entries of the log that stay. */
const LOG_LENGTH = 4;

const STATUS = {
  serving: 'serving',
  starting: 'starting',
  out: 'taken out',
  killed: 'killed',
  died: 'died',
};

export class NodeStrip {
  #strip;
  #log;
  #origins = new Map();
  #balancer;
  #store;
  #last = null;

  constructor(strip, log, { balancer, origins }) {
    this.#strip = strip;
    this.#log = log;
    this.#balancer = end('Balancer', 'balancer', 'req/s', ['retries', 'failed']);
    this.#store = end('Store', 'S3', 'GETs/s', ['GETs', 'read']);
    const zones = Map.groupBy(origins, ({ zone }) => zone);
    const boxes = [...zones].map(([zone, members]) => {
      const box = document.createElement('section');
      box.className = 'zone';
      const heading = document.createElement('h3');
      heading.textContent = `Zone ${zone}`;
      box.append(heading, ...members.map((origin) => this.#addOrigin(origin)));
      return box;
    });
    this.#strip.replaceChildren(this.#balancer.element, ...boxes, this.#store.element);
    this.#balancer.element.title = balancer;
  }

  /** Shows one sample. */
  show(sample) {
    const last = this.#last;
    this.#last = sample;
    const seconds = last ? (sample.at_ms - last.at_ms) / 1000 : 0;
    // A restarted process counts from 0: its rate is unknown for one sample.
    const perSecond = (now, before) => (seconds > 0 && now >= before ? (now - before) / seconds : 0);
    sample.origins.forEach((origin, index) => this.#showOrigin(origin, last?.origins[index], perSecond));
    const { balancer, store } = sample;
    this.#balancer.rate(perSecond(balancer.requests, last?.balancer.requests ?? balancer.requests));
    this.#balancer.set(0, String(balancer.retries));
    this.#balancer.set(1, String(balancer.failed));
    const balancerStatus = statusOf({ ...balancer, up: true });
    this.#balancer.status(balancerStatus);
    if (last && balancerStatus === 'died' && statusOf({ ...last.balancer, up: true }) !== 'died') this.say('the balancer died');
    this.#store.rate(perSecond(store.gets, last?.store.gets ?? store.gets));
    this.#store.set(0, String(store.gets));
    this.#store.set(1, bytes(store.bytes));
    this.#store.status('serving');
  }

  /** Notes what happened, newest first. */
  say(message) {
    const item = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = new Date().toLocaleTimeString('en-GB');
    item.append(time, message);
    this.#log.prepend(item);
    while (this.#log.children.length > LOG_LENGTH) this.#log.lastElementChild.remove();
  }

  #addOrigin({ name, admin, address }) {
    const element = document.getElementById('origin-template').content.firstElementChild.cloneNode(true);
    element.dataset.origin = name;
    element.querySelector('h4').textContent = name;
    const link = element.querySelector('.admin');
    link.href = `${admin}/metrics`;
    link.textContent = address;
    link.title = 'Its metrics';
    const button = element.querySelector('.action');
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        await act(name, button.dataset.action);
      } catch (error) {
        this.say(`${name}: ${error.message}`);
      }
      button.disabled = false;
    });
    this.#origins.set(name, { element, button, rates: [] });
    return element;
  }

  #showOrigin(origin, last, perSecond) {
    const { element, button, rates } = this.#origins.get(origin.name);
    const status = statusOf(origin);
    const before = element.dataset.status;
    element.dataset.status = status;
    const text = element.querySelector('.status');
    text.textContent = STATUS[status];
    text.title = origin.state.reason ?? '';
    if (before && before !== status) this.say(saying(origin.name, status));
    const now = perSecond(origin.requests, last?.requests ?? origin.requests);
    rates.push(now);
    rates.splice(0, rates.length - SAMPLES);
    draw(element.querySelector('.sparkline'), rates, SPARKLINE_FLOOR);
    const looked = origin.cache_hits + origin.cache_misses;
    const set = (selector, value) => (element.querySelector(selector).textContent = value);
    set('.rate', rate(now));
    set('.in-flight', String(origin.in_flight));
    set('.hits', looked ? `${Math.round((100 * origin.cache_hits) / looked)} %` : '–');
    set('.gets', String(origin.store_gets));
    const action = status === 'killed' || status === 'died' ? 'start' : 'kill';
    button.dataset.action = action;
    button.textContent = action === 'kill' ? 'Kill' : 'Start';
    button.setAttribute('aria-label', `${button.textContent} origin ${origin.name}`);
  }
}

function statusOf({ state, ready, up }) {
  if (state.kind === 'killed' || state.kind === 'died') return state.kind;
  if (!ready) return 'starting';
  return up ? 'serving' : 'out';
}

function saying(name, status) {
  switch (status) {
    case 'killed': return `${name} was killed`;
    case 'died': return `${name} died`;
    case 'serving': return `${name} serves`;
    case 'starting': return `${name} starts`;
    default: return `the balancer took ${name} out`;
  }
}

/** The card at either end of the strip: a rate with its line, and counts. */
function end(heading, name, rateLabel, labels) {
  const element = document.getElementById('end-template').content.firstElementChild.cloneNode(true);
  element.querySelector('h3').textContent = heading;
  element.querySelector('h4').textContent = name;
  const rates = [];
  const values = [rateLabel, ...labels].map((label) => {
    const group = document.createElement('div');
    const term = document.createElement('dt');
    const value = document.createElement('dd');
    term.textContent = label;
    value.textContent = '–';
    group.append(term, value);
    element.querySelector('dl').append(group);
    return value;
  });
  return {
    element,
    rate: (now) => {
      rates.push(now);
      rates.splice(0, rates.length - SAMPLES);
      values[0].textContent = rate(now);
      draw(element.querySelector('.sparkline'), rates, SPARKLINE_FLOOR);
    },
    set: (index, text) => (values[index + 1].textContent = text),
    status: (status) => {
      element.querySelector('.card').dataset.status = status;
      element.querySelector('.status').textContent = STATUS[status];
    },
  };
}
