// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Live: the list of exchanges, and beside it the one that is open.

import { $, h, fill, on, stepOf, toast } from './dom.js';
import { num, plural, time } from './text.js';
import { get, call, download, stream } from './api.js';
import { go, adjust, link, params, read } from './state.js';
import { collector, failed, firstSteps } from './states.js';
import { rowList } from './rows.js';
import { searchLine, withTerm, whyEmpty } from './search.js';
import { exchange } from './exchange.js';

// Rows that the page keeps (older ones are read again when they are scrolled to), that are read at
// once, and that wait while the list must not move.
const mostRows = 5000;
const partRows = 300;
const mostWaiting = 1000;

/** live is the view; handlers are of the events that are not about exchanges. */
export function live(handlers) {
  const el = $('#live');
  const freshButton = $('.fresh');
  let rows = []; // what the list shows, newest first
  let known = new Map(); // id → row, of those
  let pending = []; // what came while the list must not move, newest first
  let missed = 0; // what came and is in neither, as it was too much
  let came = 0; // what the announcement has not told yet
  let said = 0; // when it told
  let total = 0;
  let match = 0;
  let query; // how the search was understood
  let q;
  let next; // where the rows after the last one begin
  let openID;
  let frozen = false;
  let reading = false;
  let ready; // is done when what the search takes is there
  let aborter;
  let timer;
  let acts = Promise.resolve();
  let asleep;

  const list = rowList({
    address(r) {
      const { q: search, w, t, m } = read().p;
      return link('x', r.id, { q: search, w, t, m });
    },
    onNear: more,
  });
  const search = searchLine({ onChange: find, onEnter(text) { find(text); list.focus(); } });
  const opened = exchange({ close, facet, pinned: take });
  const source = stream({ ...handlers, exchange: take, stats(s) { handlers.stats(s); opened.check(); }, reset: reload });

  function find(text) {
    if (text !== (read().p.q || '')) adjust({ q: text });
  }

  /** facet adds a term to the search. */
  function facet(t, not) {
    go('live', '', { q: withTerm(q, t, not) });
    list.top();
  }

  /** load reads the newest rows, and then what comes after them. What is on the page stays until they are there. */
  function load(anew) {
    aborter?.abort();
    aborter = new AbortController();
    source.close();
    ready = get(`exchanges?${params({ q, limit: partRows })}`, aborter.signal).then((answer) => {
      source.open(q, answer.event);
      join(answer, anew);
    }).catch((err) => {
      if (err.name === 'AbortError') return;
      source.open(q); // which tells when there is an answer again
      failed(err);
    });
    return ready;
  }

  /** reload is load after some were missed: what cannot be joined is marked as a gap. */
  function reload() { load(false); }

  function join(answer, anew) {
    const old = anew ? [] : rows;
    const before = anew ? [] : [...pending, ...old];
    const fresh = new Map(answer.rows.map((r) => [r.id, r]));
    const newest = old.find((r) => !r.gap);
    const joins = !before.length || !answer.next || before.some((r) => fresh.has(r.id));
    const gap = joins ? [] : [{ gap: `Not all is known between ${time(before.find((r) => !r.gap)?.time)} and ${time(answer.rows.at(-1)?.time)}: the connection was lost` }];
    const all = [...answer.rows, ...gap, ...before.filter((r) => !fresh.has(r.id))];
    const shown = old.length && still() ? old.map((r) => fresh.get(r.id) || r) : all;
    pending = shown === all ? [] : all.filter((r) => !known.has(r.id) && !old.includes(r) && (r.gap || r.time >= newest?.time));
    missed = 0;
    keep(shown);
    if (anew) list.top();
    if (!old.length) ({ next } = answer);
    ({ query, total, match } = answer);
    search.answer(query);
    draw();
  }

  function keep(some) {
    rows = some.slice(0, mostRows);
    known = new Map(rows.map((r) => [r.id, r]));
  }

  /** more reads the rows that follow the last one. */
  async function more() {
    const from = next;
    const asked = q;
    if (!from || reading || rows.length >= mostRows) return;
    reading = true;
    try {
      const answer = await get(`exchanges?${params({ q, before: from, limit: partRows })}`);
      if (asked !== q || from !== next) return;
      ({ next } = answer);
      keep([...rows, ...answer.rows.filter((r) => !known.has(r.id))]);
      draw();
    } catch (err) {
      failed(err);
    } finally {
      reading = false;
    }
  }

  /** still is true if no row may move: something is selected, or the list is scrolled, or frozen. */
  function still() { return frozen || list.cursor || !list.atTop; }

  /** take takes a new row, or a row that changed. Rows are drawn four times a second, however many come. */
  function take(row) {
    const old = known.get(row.id);
    const i = (old ? rows : pending).findIndex((r) => r.id === row.id);
    if (old) {
      rows[i] = row;
      known.set(row.id, row);
      if (!frozen) opened.changed(row);
    } else if (i >= 0) {
      pending[i] = row;
    } else {
      pending.unshift(row);
      match++;
      came++;
      if (pending.length > mostWaiting) { pending.length = mostWaiting; missed++; }
    }
    timer ||= setTimeout(() => { timer = 0; flush(); }, 250);
  }

  function flush() {
    if (!still() && pending.length) insert();
    else draw();
    if (came && Date.now() - said >= 8000) {
      said = Date.now();
      fill($('.live > [role=status]'), plural(came, 'new exchange'));
      came = 0;
    }
  }

  function insert() {
    if (missed) { load(true); return; }
    keep([...pending, ...rows]);
    pending = [];
    draw();
  }

  function fresh() {
    if (!pending.length) return;
    list.top();
    insert();
  }

  function draw() {
    const waits = pending.filter((r) => !r.gap).length + missed;
    fill(freshButton.firstChild, `${num(waits)} new`);
    freshButton.hidden = !waits;
    fill($('.count', el), q ? `${num(match)} of ${num(Math.max(total, match))}` : [num(Math.min(match, collector?.ring.max_exchanges || match)), h('.opt', ' in memory')]);
    const none = !rows.length;
    const blank = $('.blank');
    blank.hidden = !none || !collector;
    list.el.classList.toggle('none', none);
    if (!blank.hidden) fill(blank, total && q ? whyEmpty(query, total, (text) => adjust({ q: text })) : firstSteps());
    list.set(rows);
  }

  async function forget() {
    if (!confirm('Forget every exchange in memory, also those that are pinned?')) return;
    try {
      await call('exchanges', { method: 'DELETE' });
      if (read().view === 'x') go('live', '', {}, true);
      await load(true);
      toast('Nothing is in memory any more');
    } catch (err) {
      failed(err);
    }
  }

  const save = (format) => download(`export?${params({ q, format })}`);

  /** move shows an exchange, with the part of it that is chosen. */
  function move(id, replace) {
    const { t, m } = read().p;
    go('x', id, { t, m }, replace);
  }

  const isOpen = () => read().view === 'x';

  function open(id) {
    const other = isOpen();
    move(id, other);
    list.focus();
    if (!other) opened.reveal();
  }

  function close() {
    go('live', '', { s: openID });
    list.focus();
  }

  function step(by) {
    let i = list.index(list.cursor);
    i = i < 0 ? 0 : i + by;
    while (rows[i]?.gap) i += by;
    const row = rows[i];
    if (!row) return;
    if (isOpen()) move(row.id, true);
    else adjust({ s: row.id });
    list.mark(row.id, true);
    list.focus();
  }

  function escape() {
    if (isOpen()) close();
    else { adjust({ s: '' }); flush(); }
  }

  /** then does one thing after the other: keys may come faster than answers. */
  function then(fn) {
    acts = acts.then(() => ready).then(fn).catch(reportError);
    return true;
  }

  /** key acts on a key and tells whether it did. */
  function key(e) {
    const by = stepOf(e);
    if (by) return then(() => step(by));
    if (e.key === 'n') return then(fresh);
    if (e.key === 'Escape') return then(escape);
    if (e.key === 'Enter') {
      if (e.target.closest('button, summary, a') && !list.el.contains(e.target)) return false;
      return then(() => list.cursor && !isOpen() && open(list.cursor));
    }
    return /^[bcyhtp0-9]$/.test(e.key) && then(async () => {
      if (/[b0-9]/.test(e.key)) await opened.ready();
      if (list.cursor) opened.key(e.key, list.cursor, known.get(list.cursor));
    });
  }

  on(el, 'click', (e) => {
    const only = e.target.closest('.only');
    const id = e.target.closest('.rows tr')?.dataset.id;
    if (only) { facet(only.dataset.term, e.shiftKey); return; }
    if (!id || e.ctrlKey || e.metaKey || e.shiftKey || String(getSelection())) return;
    e.preventDefault();
    open(id);
  });
  // It lets go of the stream while nobody looks: a browser has six connections for a host.
  on(document, 'visibilitychange', () => {
    clearTimeout(asleep);
    if (document.hidden) asleep = setTimeout(() => { source.close(); asleep = 0; }, 60000);
    else if (asleep === 0) { asleep = undefined; reload(); }
  });

  return {
    el, input: search.input, key, draw, reload,

    /** show is called with each new state of the address while this view is the one. */
    show({ view: shown, id, p }) {
      search.set(p.q || '');
      if ((p.q || '') !== q) {
        q = p.q || '';
        load(true);
      }
      openID = shown === 'x' ? id : '';
      list.mark(openID || p.s || '');
      el.classList.toggle('detail', Boolean(openID));
      opened.show(openID, p, known.get(openID));
    },

    get started() { return q !== undefined; },
    get isEmpty() { return !rows.length; },

    // What buttons do.
    fresh,
    forget,
    har: () => save('har'),
    ndjson: () => save('ndjson'),
    freeze(on) {
      frozen = on;
      if (!on) flush();
    },
  };
}
