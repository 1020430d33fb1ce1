// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Live: the list of exchanges, and beside it the one that is open.

import { h, fill, button, toast } from './dom.js';
import { num, plural, time } from './text.js';
import { get, call, params, download, Stream } from './api.js';
import { go, adjust, link, read } from './state.js';
import { Rows } from './rows.js';
import { Search, withTerm, whyEmpty } from './search.js';
import { Exchange } from './exchange.js';
import { firstSteps } from './states.js';

const most = 5000; // rows that the page keeps; older ones are read again when they are scrolled to
const part = 300;

export class Live {
  constructor(app) {
    this.app = app;
    this.rows = []; // what the list shows, newest first
    this.known = new Map(); // id → row, of those
    this.pending = []; // what came while the list must not move, newest first
    this.missed = 0; // what came and is in neither, as it was too much
    this.query = { text: '', terms: [] };
    this.total = 0;
    this.match = 0;
    this.next = '';
    this.ready = Promise.resolve();
    this.list = new Rows({ open: (r) => this.address(r.id), onNear: () => this.more() });
    this.search = new Search({ onChange: (q) => this.find(q), onEnter: (q) => { this.find(q); this.list.focus(); } });
    this.exchange = new Exchange(app, { close: () => this.close(), find: (t, not) => this.facet(t, not), pinned: (row) => this.row(row) });
    this.fresh = button('', () => this.showNew(), { cls: 'fresh', key: 'n', hidden: true });
    this.count = h('span', { class: 'count' });
    this.announce = h('div', { class: 'away', role: 'status' });
    this.empty = h('div', { class: 'blank', hidden: true });
    this.el = h('section', { class: 'live', 'aria-label': 'Live' },
      h('div', { class: 'bar' }, this.search.el, this.count,
        button('Freeze', () => app.freeze(), { key: 'f', cls: 'freeze', title: 'Stop and go on showing what comes', 'aria-pressed': 'false' }),
        button('HAR', () => this.save('har'), { title: 'Download what matches as HAR 1.2' }),
        button('NDJSON', () => this.save('ndjson'), { title: 'Download what matches, a line of JSON each' }),
        button('Forget all', () => this.forget(), { title: 'Forget every exchange in memory' })),
      h('div', { class: 'split' }, h('div', { class: 'left' }, h('div', { class: 'over' }, this.fresh), this.list.el, this.empty), this.exchange.el),
      this.announce);
    this.list.el.addEventListener('click', (e) => this.click(e));
    this.stream = new Stream({
      state: (s) => app.connection(s),
      exchange: (r) => this.row(r),
      stats: (s) => { app.stats(s); this.exchange.check(); },
      status: (s) => app.status(s),
      reset: () => this.reload(),
    });
    document.addEventListener('visibilitychange', () => this.visible());
  }

  /** show is called with each new state of the address while this view is the one. */
  show({ view, id, p }) {
    const q = p.q || '';
    this.search.set(q);
    if (q !== this.q) {
      this.q = q;
      this.load(true);
    }
    this.openID = view === 'x' ? id : '';
    this.list.mark(this.openID || p.s || '');
    this.el.classList.toggle('detail', view === 'x');
    this.exchange.show(this.openID, p, this.known.get(this.openID));
    this.list.soon();
  }

  address(id) {
    const { p } = read();
    return link('x', id, { q: p.q, w: p.w, t: p.t, m: p.m });
  }

  find(q) {
    if (q !== (read().p.q || '')) adjust({ q });
  }

  facet(term, not) {
    go('live', '', { q: withTerm(this.q, term, not) });
    this.list.el.scrollTop = 0;
  }

  /** load reads the newest rows. What is in memory of the page stays until they are there. */
  load(anew) {
    this.abort?.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.stream.open(this.q);
    this.ready = get(`exchanges?${params({ q: this.q, limit: part })}`, signal).then((list) => {
      this.take(list, anew);
    }).catch((err) => {
      if (err.name === 'AbortError') return;
      this.app.failed(err);
    });
    return this.ready;
  }

  /** reload is load after some were missed: what cannot be joined is marked as a gap. */
  reload() { return this.load(false); }

  take(list, anew) {
    const old = anew ? [] : this.rows;
    const fresh = new Map(list.rows.map((r) => [r.id, r]));
    const joins = !old.length || !list.next || old.some((r) => fresh.has(r.id)) || this.pending.some((r) => fresh.has(r.id));
    this.pending = [];
    this.missed = 0;
    const rest = old.filter((r) => !fresh.has(r.id));
    if (anew) {
      this.rows = list.rows;
      this.list.el.scrollTop = 0;
    } else {
      const newest = rest.find((r) => !r.gap);
      const came = newest ? list.rows.filter((r) => !this.known.has(r.id) && r.time >= newest.time) : [];
      const lost = joins ? [] : [{ gap: `Not all is known between ${time(newest?.time)} and ${time(list.rows.at(-1)?.time)}: the connection was lost` }];
      if (this.still && old.length) {
        this.rows = old.map((r) => fresh.get(r.id) || r);
        this.pending = [...came, ...lost];
      } else {
        this.rows = [...list.rows, ...lost, ...rest].slice(0, most);
      }
    }
    if (anew || !old.length) this.next = list.next;
    this.known = new Map(this.rows.map((r) => [r.id, r]));
    this.query = list.query || this.query;
    this.total = list.total;
    this.match = list.match;
    this.search.answer(this.query);
    this.draw();
  }

  /** more reads the rows that follow the last one. */
  async more() {
    if (!this.next || this.reading || this.rows.length >= most) return;
    this.reading = true;
    const { q, next } = this;
    try {
      const list = await get(`exchanges?${params({ q, before: next, limit: part })}`);
      if (q !== this.q || next !== this.next) return;
      this.next = list.next;
      const rows = list.rows.filter((r) => !this.known.has(r.id));
      for (const r of rows) this.known.set(r.id, r);
      this.rows = [...this.rows, ...rows];
      this.draw();
    } catch (err) {
      this.app.failed(err);
    } finally {
      this.reading = false;
    }
  }

  /** still is true if no row may move: something is selected, or the list is scrolled, or frozen. */
  get still() { return this.app.frozen || Boolean(this.list.cursor) || !this.list.atTop; }

  /** row takes a new row, or a row that changed. Rows are drawn four times a second, however many come. */
  row(row) {
    const old = this.known.get(row.id);
    if (old) {
      const i = this.rows.indexOf(old);
      if (i >= 0) this.rows[i] = row;
      this.known.set(row.id, row);
      this.exchange.changed(row);
    } else {
      const i = this.pending.findIndex((r) => r.id === row.id);
      if (i >= 0) { this.pending[i] = row; return; }
      this.pending.unshift(row);
      this.match++;
      this.came = (this.came || 0) + 1;
      if (this.pending.length > 1000) { this.pending.length = 1000; this.missed++; }
    }
    this.timer ||= setTimeout(() => { this.timer = 0; this.flush(); }, 250);
  }

  flush() {
    if (!this.still && this.pending.length) this.insert();
    else this.draw();
    if (this.came && !(Date.now() - this.said < 8000)) {
      this.said = Date.now();
      fill(this.announce, `${plural(this.came, 'new exchange')}`);
      this.came = 0;
    }
  }

  insert() {
    if (this.missed) { this.load(true); return; }
    this.rows = [...this.pending, ...this.rows].slice(0, most);
    this.pending = [];
    this.known = new Map(this.rows.map((r) => [r.id, r]));
    this.draw();
  }

  showNew() {
    if (!this.pending.length) return;
    this.list.el.scrollTop = 0;
    this.insert();
  }

  draw() {
    const { ring } = this.app.known || {};
    const waits = this.pending.filter((r) => !r.gap).length + this.missed;
    fill(this.fresh, `${num(waits)} new`, h('kbd', { 'aria-hidden': 'true' }, 'n'));
    this.fresh.hidden = !waits;
    fill(this.count, this.q ? `${num(this.match)} of ${num(Math.max(this.total, this.match))}` : num(Math.min(this.match, ring?.max_exchanges || this.match)), !this.q && h('span', { class: 'opt' }, ' in memory'));
    const none = !this.rows.length;
    this.empty.hidden = !none || !this.total && !this.app.known;
    this.list.el.classList.toggle('none', none);
    if (none && this.app.known) {
      fill(this.empty, this.total && this.q ? whyEmpty(this.query, this.total, (q) => adjust({ q })) : firstSteps(this.app.known, this.app.numbers));
    }
    this.list.set(this.rows);
  }

  /** visible lets go of the stream while nobody looks: a browser has six connections for a host. */
  visible() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => { this.stream.close(); this.asleep = true; }, 60000);
    else if (this.asleep) { this.asleep = false; this.reload(); }
  }

  save(format) {
    download(`export?${params({ q: this.q, format })}`);
  }

  async forget() {
    if (!confirm('Forget every exchange in memory, also those that are pinned?')) return;
    try {
      await call('exchanges', { method: 'DELETE' });
      if (read().view === 'x') go('live', '', {}, true);
      await this.load(true);
      toast('Nothing is in memory any more');
    } catch (err) {
      this.app.failed(err);
    }
  }

  click(e) {
    const only = e.target.closest('.only');
    if (only) { this.facet(only.dataset.term, e.shiftKey); return; }
    const id = e.target.closest('tr')?.dataset.id;
    if (!id || e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection())) return;
    e.preventDefault();
    this.open(id);
  }

  open(id) {
    const { view, p } = read();
    go('x', id, { t: p.t, m: p.m }, view === 'x');
    this.list.focus();
    if (view !== 'x') this.exchange.reveal();
  }

  close() {
    const id = this.openID;
    go('live', '', { s: id }, false);
    this.list.focus();
  }

  /** then does one thing after the other: keys may come faster than answers. */
  then(fn) {
    this.acts = (this.acts || Promise.resolve()).then(() => this.ready).then(fn).catch(reportError);
    return true;
  }

  step(by) {
    let i = this.list.index(this.list.cursor);
    i = i < 0 ? 0 : i + by;
    while (this.rows[i]?.gap) i += by;
    const row = this.rows[i];
    if (!row) return;
    const { view, p } = read();
    if (view === 'x') go('x', row.id, { t: p.t, m: p.m }, true);
    else adjust({ s: row.id });
    this.list.mark(row.id, true);
    this.list.focus();
  }

  escape() {
    if (read().view === 'x') this.close();
    else { adjust({ s: '' }); this.flush(); }
  }

  /** key acts on a key and tells whether it did. */
  key(e) {
    const { list } = this;
    switch (e.key) {
      case 'j': case 'ArrowDown': return this.then(() => this.step(1));
      case 'k': case 'ArrowUp': return this.then(() => this.step(-1));
      case 'n': return this.then(() => this.showNew());
      case 'Escape': return this.then(() => this.escape());
      case 'Enter':
        if (e.target.closest('button, summary, a') && !list.el.contains(e.target)) return false;
        return this.then(() => list.cursor && read().view !== 'x' && this.open(list.cursor));
      default:
        if (!/^[bcyhtp0-9]$/.test(e.key)) return false;
        return this.then(async () => {
          if (/[b0-9]/.test(e.key)) await this.exchange.ready;
          if (list.cursor) this.exchange.key(e.key, list.cursor, this.known.get(list.cursor));
        });
    }
  }
}
