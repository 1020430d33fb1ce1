// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Live: the list of exchanges, and beside it the one that is open.

import { $, h, fill, toast } from './dom.js';
import { num, plural, time } from './text.js';
import { get, call, download, Stream } from './api.js';
import { go, adjust, link, params, read } from './state.js';
import { Rows } from './rows.js';
import { Search, withTerm, whyEmpty } from './search.js';
import { Exchange } from './exchange.js';
import { firstSteps } from './states.js';

// Rows that the page keeps (older ones are read again when they are scrolled to), that are read at
// once, and that wait while the list must not move.
const most = 5000;
const part = 300;
const waiting = 1000;

export class Live {
  constructor(app) {
    this.app = app;
    this.rows = []; // what the list shows, newest first
    this.known = new Map(); // id → row, of those
    this.pending = []; // what came while the list must not move, newest first
    this.missed = 0; // what came and is in neither, as it was too much
    this.came = 0; // what the announcement has not told yet
    this.total = this.match = 0;
    this.el = $('#live');
    this.fresh = $('.fresh');
    this.count = $('.count', this.el);
    this.announce = $('.live > [role=status]');
    this.blank = $('.blank');
    this.list = new Rows({ open: (r) => this.address(r.id), onNear: () => this.more() });
    this.search = new Search({ onChange: (q) => this.find(q), onEnter: (q) => { this.find(q); this.list.focus(); } });
    this.exchange = new Exchange(app, { close: () => this.close(), find: (t, not) => this.facet(t, not), pinned: (row) => this.row(row) });
    this.el.addEventListener('click', (e) => this.click(e));
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
    const { q = '' } = p;
    this.search.set(q);
    if (q !== this.q) {
      this.q = q;
      this.load(true);
    }
    this.openID = view === 'x' ? id : '';
    this.list.mark(this.openID || p.s || '');
    this.el.classList.toggle('detail', view === 'x');
    this.exchange.show(this.openID, p, this.known.get(this.openID));
  }

  address(id) {
    const { q, w, t, m } = read().p;
    return link('x', id, { q, w, t, m });
  }

  find(q) {
    if (q !== (read().p.q || '')) adjust({ q });
  }

  facet(term, not) {
    go('live', '', { q: withTerm(this.q, term, not) });
    this.list.el.scrollTop = 0;
  }

  /** load reads the newest rows. What is on the page stays until they are there. */
  load(anew) {
    this.abort?.abort();
    this.abort = new AbortController();
    this.stream.open(this.q);
    this.ready = get(`exchanges?${params({ q: this.q, limit: part })}`, this.abort.signal)
      .then((list) => this.take(list, anew))
      .catch((err) => { if (err.name !== 'AbortError') this.app.failed(err); });
    return this.ready;
  }

  /** reload is load after some were missed: what cannot be joined is marked as a gap. */
  reload() { return this.load(false); }

  take(list, anew) {
    const old = anew ? [] : this.rows;
    const before = anew ? [] : [...this.pending, ...old];
    const fresh = new Map(list.rows.map((r) => [r.id, r]));
    const newest = old.find((r) => !r.gap);
    const joins = !before.length || !list.next || before.some((r) => fresh.has(r.id));
    const gap = joins ? [] : [{ gap: `Not all is known between ${time(before.find((r) => !r.gap)?.time)} and ${time(list.rows.at(-1)?.time)}: the connection was lost` }];
    const all = [...list.rows, ...gap, ...before.filter((r) => !fresh.has(r.id))];
    const rows = old.length && this.still ? old.map((r) => fresh.get(r.id) || r) : all;
    this.pending = rows === all ? [] : all.filter((r) => !this.known.has(r.id) && !old.includes(r) && (r.gap || r.time >= newest?.time));
    this.missed = 0;
    this.keep(rows);
    if (anew) this.list.el.scrollTop = 0;
    if (!old.length) this.next = list.next;
    Object.assign(this, { query: list.query, total: list.total, match: list.match });
    this.search.answer(this.query);
    this.draw();
  }

  keep(rows) {
    this.rows = rows.slice(0, most);
    this.known = new Map(this.rows.map((r) => [r.id, r]));
  }

  /** more reads the rows that follow the last one. */
  async more() {
    const { q, next } = this;
    if (!next || this.reading || this.rows.length >= most) return;
    this.reading = true;
    try {
      const list = await get(`exchanges?${params({ q, before: next, limit: part })}`);
      if (q !== this.q || next !== this.next) return;
      this.next = list.next;
      this.keep([...this.rows, ...list.rows.filter((r) => !this.known.has(r.id))]);
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
    const i = (old ? this.rows : this.pending).findIndex((r) => r.id === row.id);
    if (old) {
      this.rows[i] = row;
      this.known.set(row.id, row);
      this.exchange.changed(row);
    } else if (i >= 0) {
      this.pending[i] = row;
    } else {
      this.pending.unshift(row);
      this.match++;
      this.came++;
      if (this.pending.length > waiting) { this.pending.length = waiting; this.missed++; }
    }
    this.timer ||= setTimeout(() => { this.timer = 0; this.flush(); }, 250);
  }

  flush() {
    if (!this.still && this.pending.length) this.insert();
    else this.draw();
    if (this.came && !(Date.now() - this.said < 8000)) {
      this.said = Date.now();
      fill(this.announce, plural(this.came, 'new exchange'));
      this.came = 0;
    }
  }

  insert() {
    if (this.missed) { this.load(true); return; }
    this.keep([...this.pending, ...this.rows]);
    this.pending = [];
    this.draw();
  }

  showNew() {
    if (!this.pending.length) return;
    this.list.el.scrollTop = 0;
    this.insert();
  }

  draw() {
    const { known } = this.app;
    const waits = this.pending.filter((r) => !r.gap).length + this.missed;
    fill(this.fresh.firstChild, `${num(waits)} new`);
    this.fresh.hidden = !waits;
    fill(this.count, this.q ? `${num(this.match)} of ${num(Math.max(this.total, this.match))}` : [num(Math.min(this.match, known?.ring.max_exchanges || this.match)), h('span.opt', ' in memory')]);
    const none = !this.rows.length;
    this.blank.hidden = !none || !known;
    this.list.el.classList.toggle('none', none);
    if (none && known) fill(this.blank, this.total && this.q ? whyEmpty(this.query, this.total, (q) => adjust({ q })) : firstSteps(known));
    this.list.set(this.rows);
  }

  /** visible lets go of the stream while nobody looks: a browser has six connections for a host. */
  visible() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => { this.stream.close(); this.asleep = true; }, 60000);
    else if (this.asleep) { this.asleep = false; this.reload(); }
  }

  har() { this.save('har'); }

  ndjson() { this.save('ndjson'); }

  save(format) { download(`export?${params({ q: this.q, format })}`); }

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
    const id = e.target.closest('.rows tr')?.dataset.id;
    if (only) { this.facet(only.dataset.term, e.shiftKey); return; }
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
    go('live', '', { s: this.openID });
    this.list.focus();
  }

  /** then does one thing after the other: keys may come faster than answers. */
  then(fn) {
    this.acts = Promise.resolve(this.acts).then(() => this.ready).then(fn).catch(reportError);
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
    const { list, exchange } = this;
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key];
    if (by) return this.then(() => this.step(by));
    if (e.key === 'n') return this.then(() => this.showNew());
    if (e.key === 'Escape') return this.then(() => this.escape());
    if (e.key === 'Enter') {
      if (e.target.closest('button, summary, a') && !list.el.contains(e.target)) return false;
      return this.then(() => list.cursor && read().view !== 'x' && this.open(list.cursor));
    }
    return /^[bcyhtp0-9]$/.test(e.key) && this.then(async () => {
      if (/[b0-9]/.test(e.key)) await exchange.ready;
      if (list.cursor) exchange.key(e.key, list.cursor, this.known.get(list.cursor));
    });
  }
}
