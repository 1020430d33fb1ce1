// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The list of exchanges: a table of which only the rows in sight exist.

import { $, h, svg, plain, when } from './dom.js';
import { num, bytes, ms, time, term, statusClass } from './text.js';

/** dot is the state of a backend as a shape with a colour. */
export const dot = (state) => svg('svg', { class: `dot ${state}`, 'aria-hidden': 'true' },
  svg('use', { href: `#dot-${({ dropped: 'refused', sampled_out: 'gated' })[state] || state}` }));

/** stateText is a state of a backend in words. */
export const stateText = (state) => ({ dry_run: 'dry run', sampled_out: 'sampled out', read: 'read, nothing known after' })[state] || state;
export const dotText = (d) => `${d.component}: ${stateText(d.state)}${d.reason && `, ${d.reason}`}`;

/** hostOf is the host of a call that went out; a route that was made of its URL begins with it. */
const hostOf = (r) => (r.direction === 'out' && !r.route.startsWith(r.host) ? r.host : '');
export const routeOf = (r) => hostOf(r) + (r.route || r.path || r.operation || '/');
export const routeTerm = (r) => (r.operation && !r.route ? term('operation', r.operation) : term('route', r.route));
export const name = (r) => `${r.method} ${routeOf(r)} ${r.status || 'no response'}`;

/** guessed marks a route that was made of the path. */
export const guessed = (r) => r.guessed && h('i', { title: 'The route was made of the path' }, '~');
export const pseudonym = (r, text) => h('span', { class: r.pseudonym && 'pseudonym' }, text);

/** marks are what stands out about an exchange: text, style and title of each. */
const marks = (r) => [
  r.new_fields > 0 && ['new', 'new', `${r.new_fields} fields that were not there before`],
  r.blocked_by && ['blocked', 'bad', `Blocked by ${r.blocked_by}`],
  r.would_block && ['would_block', 'warn', `The guard is in shadow: in force, ${r.would_block} would block this`],
  r.pinned && ['pinned', '', 'Kept until unpinned'],
].filter(Boolean);
export const tags = (r) => marks(r).map(([text, cls, title]) => h('span', { class: `tag ${cls}`, title }, text));

/** Columns: name, cell, and the term that a cell adds to the search. They stand in the document, too. */
const columns = [
  ['time', (r) => when(r.time, time)],
  ['dir', (r) => r.direction, (r) => term('dir', r.direction)],
  ['method', (r) => h('b', r.method), (r) => term('method', r.method)],
  ['route', (r, open) => h('a', { href: open(r), tabindex: '-1', draggable: 'false', 'aria-label': [name(r), `${ms(r.duration)} milliseconds`, ...marks(r).map(([text]) => text)].join(', ') },
    h('b.m', r.method), hostOf(r) && h('i', hostOf(r)), guessed(r),
    (r.route || r.path || '/').split(/(?<=.\/)/).map((part, i) => [i > 0 && h('wbr'), part]), r.operation && h('i.after', r.operation), tags(r)), routeTerm],
  ['status', (r) => h('span', { class: statusClass(r.status) }, r.status || 'none'), (r) => term('status', r.status || 'none')],
  ['ms', (r) => ms(r.duration)],
  ['in', (r) => bytes(r.bytes_in)],
  ['out', (r) => bytes(r.bytes_out)],
  ['consumer', (r) => (r.consumer ? h('span', { title: `${r.label ? `${r.label}, ` : ''}${r.consumer}${r.pseudonym ? ' (pseudonym)' : ''}` }, pseudonym(r, r.label || r.consumer)) : h('i', 'anonymous')),
    (r) => r.consumer && term('consumer', r.consumer)],
  ['redacted', (r) => (r.redacted ? num(r.redacted) : h('i', '0'))],
  ['backends', (r) => r.backends.map((d) => h('span.dots', { role: 'img', title: dotText(d), 'aria-label': dotText(d) }, dot(d.state)))],
];

/** Rows shows items: rows, newest first, and gaps {gap: 'text'} among them. */
export class Rows {
  constructor({ open, onNear }) {
    this.open = open;
    this.onNear = onNear;
    this.items = [];
    this.made = new Map(); // item → tr
    this.cursor = '';
    this.height = 28; // of a row
    this.el = $('.list');
    this.table = $('table', this.el);
    this.head = this.table.tHead.rows[0];
    [this.body] = this.table.tBodies;
    [this.top, this.bottom] = this.body.rows;
    this.el.addEventListener('scroll', () => this.soon(), { passive: true });
    this.body.addEventListener('mouseover', (e) => this.offer(e.target.closest('td')));
    new ResizeObserver(() => { this.measure(); this.soon(); }).observe(this.el);
  }

  get atTop() { return this.el.scrollTop < 4; }

  soon() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  set(items) {
    this.items = items;
    this.soon();
  }

  /** mark makes a row the one that keys act on; look brings it into sight. */
  mark(id, look) {
    this.cursor = id;
    if (look) this.look(this.index(id));
    this.soon();
  }

  index(id) { return this.items.findIndex((r) => r.id === id); }

  look(i) {
    const { scrollTop, clientHeight } = this.el;
    const room = clientHeight - this.head.offsetHeight - this.height;
    this.el.scrollTop = Math.min(Math.max(scrollTop, i * this.height - room), i * this.height);
  }

  /** focus puts the focus on the row that is marked. */
  focus() {
    this.draw();
    ($('[aria-current] a', this.body) || this.el).focus({ preventScroll: true });
  }

  /** measure finds out what the style makes of the width: the height of rows, and how many columns are shown. */
  measure() {
    this.height = parseFloat(getComputedStyle(this.el).getPropertyValue('--row')) || 28;
    this.span = [...this.head.cells].filter((c) => c.offsetWidth).length || columns.length;
  }

  draw() {
    if (!this.el.offsetParent) return;
    if (!this.span) this.measure();
    const first = Math.max(0, Math.floor(this.el.scrollTop / this.height) - 6);
    const last = Math.min(this.items.length, first + Math.ceil(this.el.clientHeight / this.height) + 12);
    const shown = this.items.slice(first, last);
    const focused = this.body.contains(document.activeElement) && document.activeElement.closest('tr').dataset.id;
    const wanted = new Set(shown);
    for (const [item, tr] of this.made) if (!wanted.has(item)) { tr.remove(); this.made.delete(item); }
    this.top.cells[0].style.height = `${first * this.height}px`;
    this.bottom.cells[0].style.height = `${(this.items.length - last) * this.height}px`;
    this.table.setAttribute('aria-rowcount', this.items.length + 1);
    let at = this.top.nextSibling;
    shown.forEach((item, i) => {
      let tr = this.made.get(item);
      if (!tr) this.made.set(item, tr = this.row(item));
      if (tr === at) at = at.nextSibling;
      else this.body.insertBefore(tr, at);
      tr.setAttribute('aria-rowindex', first + i + 2); // the head is the first
      if (!item.gap) this.current(tr, item.id === this.cursor);
    });
    // Columns that are hidden do not count: a cell that spans them would make them anew.
    for (const td of this.body.querySelectorAll(':is(.space, .gap) > td')) if (td.colSpan !== this.span) td.colSpan = this.span;
    if (focused && !this.body.contains(document.activeElement)) ($(`tr[data-id="${CSS.escape(focused)}"] a`, this.body) || this.el).focus({ preventScroll: true });
    if (last > this.items.length - 40) this.onNear();
  }

  current(tr, on) {
    if (on === tr.hasAttribute('aria-current')) return;
    if (on) tr.setAttribute('aria-current', 'true'); else tr.removeAttribute('aria-current');
    $('a', tr).tabIndex = on ? 0 : -1;
  }

  /** offer puts the button that adds a term into a cell, once a pointer is there; with Shift it leaves out. */
  offer(td) {
    const item = this.items[this.index(td?.parentNode.dataset.id)];
    const t = item && !$('.only', td) && columns[td.cellIndex][2]?.(item);
    if (t) td.append(h('button.only', { type: 'button', tabindex: '-1', 'aria-hidden': 'true', 'data-term': t, title: `Only ${plain(t)} (with Shift: without)` }, '+'));
  }

  row(item) {
    if (item.gap) return h('tr.gap', h('td', item.gap));
    return h('tr', { 'data-id': item.id }, columns.map(([id, cell], i) => h('td', { class: this.head.cells[i].className }, cell(item, this.open))));
  }
}
