// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The page: what stands around the views, and the keys.

import { h, fill, button, toast } from './dom.js';
import { bytes, num, plural, span } from './text.js';
import { get } from './api.js';
import { adjust, go, link, read, watch } from './state.js';
import { Live } from './live.js';
import { Consumers, Endpoints } from './overview.js';
import { Fields } from './fields.js';
import { Rules } from './rules.js';
import { Delivery } from './delivery.js';
import { banner, notices } from './states.js';
import { help } from './help.js';

const names = { live: 'Live', endpoints: 'Endpoints', consumers: 'Consumers', fields: 'Fields', rules: 'Rules', delivery: 'Delivery' };
const makers = { endpoints: Endpoints, consumers: Consumers, fields: Fields, rules: Rules, delivery: Delivery };
const windows = [['15m', '15 min'], ['1h', '1 hour'], ['6h', '6 hours'], ['24h', '24 hours'], ['168h', '7 days']];
const letters = { l: 'live', e: 'endpoints', c: 'consumers', f: 'fields', r: 'rules', d: 'delivery' };

class App {
  constructor() {
    this.views = {};
    this.hidden = new Set();
    this.known = null; // Status
    this.numbers = null; // Stats
    this.nav = h('nav', { 'aria-label': 'Views' });
    this.window = h('select', { 'aria-label': 'Window', on: { change: () => adjust({ w: this.window.value === '1h' ? '' : this.window.value }) } }, windows.map(([v, t]) => h('option', { value: v }, t)));
    this.link = h('span', { class: 'conn', role: 'img' });
    this.banner = h('div', { role: 'region', 'aria-label': 'What leaves' }, banner(null));
    this.notes = h('div', { class: 'notices' });
    this.lost = h('div', { class: 'notice warning lost', hidden: true });
    this.main = h('main', { id: 'main', tabindex: '-1' });
    this.foot = h('footer');
    document.body.append(
      h('header', { class: 'top' }, h('a', { class: 'skip', href: '#main', on: { click: (e) => { e.preventDefault(); this.main.focus(); } } }, 'To the content'), this.banner,
        h('div', { class: 'mast' }, h('h1', {}, 'apispan', h('span', {}, ' inspector')), this.nav, h('span', { class: 'grow' }), this.window, this.link, button('Help', () => help(), { key: '?' })),
        this.lost, this.notes),
      this.main, this.foot, h('div', { id: 'toast', role: 'status' }));
    addEventListener('keydown', (e) => this.keydown(e));
    setInterval(() => this.tick(), 5000);
  }

  async start() {
    watch((s) => this.show(s));
    try {
      this.status(await get('status'));
    } catch (err) {
      this.failed(err);
    }
  }

  show(state) {
    const id = state.view === 'x' ? 'live' : names[state.view] ? state.view : 'live';
    this.view = id;
    this.live ||= this.make('live', new Live(this));
    const v = this.views[id] || this.make(id, new makers[id](this));
    for (const [other, { el }] of Object.entries(this.views)) el.hidden = other !== id;
    document.title = `${state.view === 'x' ? 'Exchange' : names[id]} · apispan inspector`;
    this.window.value = windows.some(([w]) => w === state.p.w) ? state.p.w : '1h';
    this.window.hidden = id === 'live' || id === 'delivery';
    this.tabs();
    if (id !== 'live' && this.live.q === undefined) this.live.show({ view: 'live', id: '', p: { q: state.p.q } });
    v.show(state);
  }

  make(id, view) {
    this.views[id] = view;
    this.main.append(view.el);
    return view;
  }

  tabs() {
    const { p } = read();
    const fresh = this.numbers?.new_fields || 0;
    const focus = this.nav.contains(document.activeElement) && document.activeElement.dataset.view;
    fill(this.nav, Object.entries(names).map(([id, text]) => h('a', { href: link(id, '', { q: p.q, w: p.w }), data: { view: id }, 'aria-current': id === this.view ? 'page' : null },
      text, id === 'fields' && fresh > 0 && h('span', { class: 'tag new' }, num(fresh), h('span', { class: 'opt' }, ' new')))));
    if (focus) this.nav.querySelector(`[data-view=${focus}]`).focus();
  }

  status(s) {
    if (this.known && this.known.since !== s.since) this.live.reload();
    this.known = s;
    this.denied = false;
    fill(this.banner, banner(s));
    this.drawNotes();
    this.stats(s.stats);
    this.live?.draw();
  }

  stats(s) {
    const had = this.numbers?.new_fields;
    this.numbers = s;
    const ring = this.known?.ring;
    fill(this.foot, h('span', {}, `${plural(s.seen, 'exchange')} since the start`), h('span', {}, `${s.per_second.toFixed(1)}/s`),
      ring && h('span', { title: `The newest ${num(ring.max_exchanges)} exchanges, at most ${bytes(ring.max_bytes)} and ${span(ring.ttl)} old` }, `keeps ${num(ring.max_exchanges)} or ${bytes(ring.max_bytes)}, ${span(ring.ttl)}${ring.full ? ' · full: the oldest make room' : ''}`),
      this.known?.sampling > 0 && this.known.sampling < 1 && h('span', { title: 'Numbers of endpoints and consumers count all' }, `the list is a sample: ${(100 * this.known.sampling).toFixed(0)} % of the traces`),
      s.not_shown > 0 && h('span', { class: 'warn' }, `${num(s.not_shown)} not shown: the page could not keep up`),
      this.known?.show_raw && h('span', { class: 'warn' }, 'values from before the redaction are kept'), h('span', { class: 'grow' }), h('span', {}, this.known?.version));
    if (had !== s.new_fields) this.tabs();
    if (!this.live?.rows.length) this.live?.draw();
  }

  drawNotes() {
    fill(this.notes, notices(this.known, this.hidden, (code) => { this.hidden.add(code); this.drawNotes(); }));
  }

  connection(state) {
    const ok = state === 'open';
    const back = this.state === 'lost' && ok;
    this.state = state;
    this.link.className = `conn ${state}`;
    this.link.setAttribute('aria-label', ok ? 'connected' : 'not connected');
    this.link.title = ok ? 'Connected' : 'Not connected';
    this.lost.hidden = ok;
    if (!ok && !this.denied) fill(this.lost, h('b', { class: 'level' }, 'Reconnecting…'), h('p', {}, 'The Collector does not answer. What is on this page stays.'));
    if (back) get('status').then((s) => this.status(s), () => {});
  }

  failed(err) {
    if (err.status === 401 || err.status === 403) {
      this.denied = true;
      this.lost.hidden = false;
      fill(this.lost, h('b', { class: 'level' }, 'Not allowed'), h('p', {}, 'This page needs the token of this start of the Collector. Open the address that it printed: http://127.0.0.1:8089/?t=…'));
      return;
    }
    if (err.status) toast(err.message);
    else if (err.status === undefined) reportError(err); // a fault of this page
  }

  get frozen() { return Boolean(this.ice); }

  freeze() {
    this.ice = !this.ice;
    for (const b of document.querySelectorAll('.freeze')) { b.setAttribute('aria-pressed', String(this.ice)); b.firstChild.data = this.ice ? 'Resume' : 'Freeze'; }
    if (!this.ice) { this.live.flush(); this.tick(); }
  }

  /** tick reads again what is looked at, but not the list: that has a stream. */
  tick() {
    if (this.ice || document.hidden || this.view === 'live' || this.state === 'lost') return;
    const v = this.views[this.view];
    if (v && !v.el.contains(document.activeElement?.closest('textarea'))) v.refresh();
  }

  keydown(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || document.querySelector('dialog[open]')) return;
    if (e.target.closest('input, textarea, select')) {
      if (e.key === 'Escape') e.target.blur();
      return;
    }
    if (this.goto) {
      this.goto = clearTimeout(this.goto);
      if (letters[e.key]) { go(letters[e.key]); e.preventDefault(); return; }
    }
    if (e.key === 'g') { this.goto = setTimeout(() => { this.goto = 0; }, 1500); return; }
    if (e.key === '?') help();
    else if (e.key === '/') this.search();
    else if (e.key === 'f') this.freeze();
    else if (!this.views[this.view].key(e)) return;
    e.preventDefault();
  }

  search() {
    const box = this.view === 'live' ? this.live.search.input : this.views[this.view].grid?.input;
    if (!box) { go('live'); this.live.search.input.focus(); return; }
    box.focus();
    box.select();
  }
}

new App().start();
