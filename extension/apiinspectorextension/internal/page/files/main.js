// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The page: what stands around the views, and the keys.

import { $, h, fill, toast } from './dom.js';
import { bytes, num, plural, span } from './text.js';
import { get } from './api.js';
import { adjust, go, link, read, watch } from './state.js';
import { Live } from './live.js';
import { Consumers, Endpoints } from './overview.js';
import { Fields } from './fields.js';
import { Rules } from './rules.js';
import { Delivery } from './delivery.js';
import { banner, notices } from './states.js';

const makers = { live: Live, endpoints: Endpoints, consumers: Consumers, fields: Fields, rules: Rules, delivery: Delivery };
const letters = Object.fromEntries(Object.keys(makers).map((id) => [id[0], id])); // of g l, g e, …

class App {
  constructor() {
    this.views = {};
    this.hidden = new Set();
    this.known = null; // Status
    this.tabs = [...document.querySelectorAll('nav a')];
    this.window = $('#window');
    this.window.addEventListener('change', () => adjust({ w: this.window.value === '1h' ? '' : this.window.value }));
    $('.skip').addEventListener('click', (e) => { e.preventDefault(); $('#main').focus(); });
    // What a button does is a method of the same name, here or of Live.
    document.addEventListener('click', (e) => {
      const what = e.target.closest('[data-do]')?.dataset.do;
      if (what) (this[what] ? this : this.views.live)[what]();
    });
    addEventListener('keydown', (e) => this.keydown(e));
    setInterval(() => this.tick(), 5000);
  }

  start() {
    this.make('live');
    watch((s) => this.show(s));
    get('status').then((s) => this.status(s), (err) => this.failed(err));
  }

  make(id) {
    if (!this.views[id]) $('#main').append((this.views[id] = new makers[id](this)).el);
    return this.views[id];
  }

  show(state) {
    const { view, p } = state;
    const id = makers[view] ? view : 'live';
    this.view = id;
    const shown = this.make(id);
    for (const v of Object.values(this.views)) v.el.hidden = v !== shown;
    for (const a of this.tabs) {
      a.href = link(a.dataset.view, '', { q: p.q, w: p.w });
      a.ariaCurrent = a.dataset.view === id ? 'page' : null;
    }
    document.title = `${view === 'x' ? 'Exchange' : id[0].toUpperCase() + id.slice(1)} · apispan inspector`;
    this.window.value = p.w || '1h';
    this.window.hidden = id === 'live' || id === 'delivery';
    if (id !== 'live' && this.views.live.q === undefined) this.views.live.show({ view: 'live', id: '', p: { q: p.q } });
    shown.show(state);
  }

  status(s) {
    const { live } = this.views;
    if (this.known && this.known.since !== s.since) live.reload();
    this.known = s;
    this.denied = false;
    fill($('#banner'), banner(s));
    this.notes();
    this.stats(s.stats);
    live.draw();
  }

  stats(s) {
    if (!this.known) return;
    this.known.stats = s;
    const { ring, sampling = s.sampling, show_raw: raw, version } = this.known;
    const size = `${num(ring.max_exchanges)} or ${bytes(ring.max_bytes)}, ${span(ring.ttl)}`;
    fill($('footer'), h('span', `${plural(s.seen, 'exchange')} since the start`), h('span', `${s.per_second.toFixed(1)}/s`),
      h('span', { title: 'The newest are kept: how many, how large, how long' }, `keeps ${size}`, ring.full && ' · full: the oldest make room'),
      sampling > 0 && sampling < 1 && h('span', { title: 'Numbers of endpoints and consumers count all' }, 'the list is a sample of the traces'),
      s.not_shown > 0 && h('span.warn', `${num(s.not_shown)} not shown: the page could not keep up`),
      raw && h('span.warn', 'values from before the redaction are kept'), h('span.grow'), h('span', version));
    const fresh = $('nav .tag');
    fill(fresh, num(s.new_fields), h('span.opt', ' new'));
    fresh.hidden = !s.new_fields;
    if (!this.views.live.rows.length) this.views.live.draw();
  }

  notes() {
    fill($('#notices'), notices(this.known.notices, this.hidden, (text) => { this.hidden.add(text); this.notes(); }));
  }

  say(title, text) {
    fill($('#lost'), h('b.level', title), h('p', text)).hidden = false;
  }

  connection(state) {
    const ok = state === 'open';
    const back = this.state === 'lost' && ok;
    this.state = state;
    const mark = $('#conn');
    mark.className = `conn ${state}`;
    mark.title = mark.ariaLabel = ok ? 'connected' : 'not connected';
    if (ok) $('#lost').hidden = true;
    else if (!this.denied) this.say('Reconnecting…', 'The Collector does not answer. What is on this page stays.');
    if (back) get('status').then((s) => this.status(s), () => {});
  }

  failed(err) {
    if (err.status === 401 || err.status === 403) {
      this.denied = true;
      this.say('Not allowed', 'This page needs the token of this start of the Collector. Open the address that it printed: http://127.0.0.1:8089/?t=…');
    } else if (err.status) toast(err.message);
    else if (err.status === undefined) reportError(err); // a fault of this page
  }

  help() { $('#help').showModal(); }

  fresh() { this.views.live.showNew(); }

  freeze() {
    this.frozen = !this.frozen;
    const b = $('.freeze');
    b.ariaPressed = String(this.frozen);
    fill(b.firstChild, this.frozen ? 'Resume' : 'Freeze');
    if (!this.frozen) { this.views.live.flush(); this.tick(); }
  }

  /** tick reads again what is looked at, but not the list: that has a stream. */
  tick() {
    if (this.frozen || document.hidden || this.view === 'live' || this.state === 'lost' || document.activeElement.closest('textarea')) return;
    this.views[this.view].refresh();
  }

  keydown(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || $('dialog[open]')) return;
    if (e.target.closest('input, textarea, select')) {
      if (e.key === 'Escape') e.target.blur();
      return;
    }
    const view = this.prefix && letters[e.key];
    this.prefix = clearTimeout(this.prefix);
    if (view) go(view);
    else if (e.key === 'g') this.prefix = setTimeout(() => { this.prefix = 0; }, 1500);
    else if (e.key === '?') this.help();
    else if (e.key === '/') this.search();
    else if (e.key === 'f') this.freeze();
    else if (!this.views[this.view].key(e)) return;
    e.preventDefault();
  }

  search() {
    const { grid, search } = this.views[this.view];
    if (!grid && !search) go('live');
    const { input } = grid || this.views.live.search;
    input.focus();
    input.select();
  }
}

new App().start();
