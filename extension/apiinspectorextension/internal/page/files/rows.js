// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The list of exchanges: a table of which only the rows in sight exist.

import { h, svg, fill, plain } from './dom.js';
import { num, bytes, ms, time, term, statusClass } from './text.js';

const shapes = {
  sent: ['circle', { cx: 6, cy: 6, r: 4.5 }],
  dry_run: ['path', { d: 'M6 1.500a4.500 4.500 0 1 0 0 9a4.500 4.500 0 1 0 0-9zm0 2.700a1.800 1.800 0 1 1 0 3.600a1.800 1.800 0 1 1 0-3.600z', 'fill-rule': 'evenodd' }],
  waiting: ['path', { d: 'M6 1.500a4.500 4.500 0 1 0 0 9zM6 1.500a4.500 4.500 0 0 1 0 9', 'fill-rule': 'evenodd', class: 'half' }],
  retry: ['path', { d: 'M6 .8l5.500 10h-11z' }],
  refused: ['path', { d: 'M2 2l8 8M10 2l-8 8', class: 'stroke' }],
  gated: ['path', { d: 'M2 6h8', class: 'stroke' }],
  read: ['circle', { cx: 6, cy: 6, r: 3.5, class: 'stroke thin' }],
};
shapes.dropped = shapes.refused;
shapes.sampled_out = shapes.gated;

/** stateText is a state of a backend in words. */
export const stateText = (state) => ({ dry_run: 'dry run', sampled_out: 'sampled out', read: 'read, nothing known after' })[state] || state;

/** dot is the state of a backend as a shape with a colour; the words are its title. */
export function dot(state) {
  const [tag, props] = shapes[state] || shapes.read;
  return svg('svg', { class: `dot ${state}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, svg(tag, props));
}

/** wrap lets a route break after a slash. */
const wrap = (s) => s.split(/(?<=.\/)/).flatMap((part, i) => (i ? [h('wbr'), part] : [part]));

const dotText = (d) => `${d.component}: ${stateText(d.state)}${d.reason ? `, ${d.reason}` : ''}`;

/** only is the button that adds a term to the search; with Shift it leaves out. */
function only(t) {
  return h('button', { type: 'button', class: 'only', tabindex: '-1', 'aria-hidden': 'true', data: { term: t },
    title: `Only ${plain(t)} (with Shift: without)` }, '+');
}

/** where is method, host and route of an exchange. */
export const routeOf = (r) => `${r.direction === 'out' && r.host ? r.host : ''}${r.route || r.path || r.operation || '/'}`;
export const routeTerm = (r) => (r.operation && !r.route ? term('operation', r.operation) : term('route', r.route));

export const name = (r) => `${r.method} ${routeOf(r)} ${r.status || 'no response'}`;

const columns = [
  ['time', 'time', (r) => h('time', { datetime: r.time, title: r.time }, time(r.time))],
  ['dir', 'dir', (r) => r.direction, (r) => term('dir', r.direction)],
  ['method', 'method', (r) => h('b', {}, r.method), (r) => term('method', r.method)],
  ['route', 'route', (r, open) => [
    h('a', { href: open(r), tabindex: '-1', 'aria-label': `${name(r)}, ${ms(r.duration)} milliseconds${r.new_fields > 0 ? ', new fields' : ''}${r.blocked_by ? ', blocked' : ''}${r.pinned ? ', pinned' : ''}`, draggable: 'false' },
      h('b', { class: 'm' }, r.method), r.direction === 'out' && r.host && h('i', {}, r.host), r.guessed && h('i', { title: 'The route was made of the path' }, '~'),
      wrap(r.route || r.path || '/'), r.operation && h('i', { class: 'after' }, r.operation),
      r.new_fields > 0 && h('span', { class: 'tag new', title: `${r.new_fields} fields that were not there before` }, 'new'),
      r.blocked_by && h('span', { class: 'tag bad', title: `Blocked by ${plain(r.blocked_by)}` }, 'blocked'),
      r.pinned && h('span', { class: 'tag', title: 'Kept until unpinned' }, 'pinned'))], routeTerm],
  ['status', 'status', (r) => h('span', { class: `status ${statusClass(r.status)}` }, r.status || 'none'), (r) => term('status', r.status || 'none')],
  ['ms', 'ms', (r) => ms(r.duration)],
  ['in', 'in', (r) => bytes(r.bytes_in)],
  ['out', 'out', (r) => bytes(r.bytes_out)],
  ['consumer', 'consumer', (r) => (r.consumer ? h('span', { class: r.pseudonym ? 'pseudonym' : null,
    title: `${plain(r.label ? `${r.label}, ${r.consumer}` : r.consumer)}${r.pseudonym ? ' (pseudonym)' : ''}` }, r.label || r.consumer) : h('i', {}, 'anonymous')),
  (r) => r.consumer && term('consumer', r.consumer)],
  ['redacted', 'redacted', (r) => (r.redacted ? num(r.redacted) : h('i', {}, '0'))],
  ['backends', 'backends', (r) => r.backends.map((d) => h('span', { class: 'dots', role: 'img', title: plain(dotText(d)), 'aria-label': dotText(d) }, dot(d.state)))],
];
const numbers = new Set(['ms', 'in', 'out', 'redacted']);
const titles = { dir: 'in: calls that the service answers; out: calls that it makes', ms: 'Duration in milliseconds',
  in: 'Bytes of the request', out: 'Bytes of the response', redacted: 'Values that the redaction changed',
  backends: 'What became of it at each backend' };

/** Rows shows items: rows, newest first, and gaps {gap: 'text'} among them. */
export class Rows {
  constructor({ open, onNear }) {
    this.open = open;
    this.onNear = onNear;
    this.items = [];
    this.made = new Map(); // item → tr
    this.cursor = '';
    this.height = 28; // of a row
    this.top = h('tr', { class: 'space', 'aria-hidden': 'true' }, h('td'));
    this.bottom = this.top.cloneNode(true);
    this.body = h('tbody', {}, this.top, this.bottom);
    this.table = h('table', { class: 'rows' },
      h('thead', {}, h('tr', {}, columns.map(([id, label]) => h('th', { scope: 'col', class: `c-${id}`, title: titles[id] }, label)))), this.body);
    this.el = h('div', { class: 'list', tabindex: '0', role: 'region', 'aria-label': 'Exchanges, newest first' }, this.table);
    this.el.addEventListener('scroll', () => this.soon(), { passive: true });
    this.body.addEventListener('mouseover', (e) => this.offer(e.target.closest('td')));
    new ResizeObserver(() => { this.measure(); this.soon(); }).observe(this.el);
  }

  /** soon draws once before the next frame. */
  soon() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.draw(); });
  }

  get atTop() { return this.el.scrollTop < 4; }

  set(items) {
    this.items = items;
    this.soon();
  }

  /** mark makes a row the one that keys act on. */
  mark(id, look) {
    this.cursor = id;
    if (look) this.look(id);
    this.soon();
  }

  index(id) { return this.items.findIndex((r) => r.id === id); }

  look(id) {
    const i = this.index(id);
    if (i < 0) return;
    const head = this.table.tHead.offsetHeight;
    const { scrollTop, clientHeight } = this.el;
    const at = i * this.height;
    if (at < scrollTop) this.el.scrollTop = at;
    else if (at + this.height > scrollTop + clientHeight - head) this.el.scrollTop = at + this.height - clientHeight + head;
  }

  /** focus puts the focus on the row that is marked. */
  focus() {
    this.draw();
    (this.made.get(this.items[this.index(this.cursor)])?.querySelector('a') || this.el).focus({ preventScroll: true });
  }

  /** measure finds out what the style makes of the width: the height of rows, and how many columns are shown. */
  measure() {
    this.height = parseFloat(getComputedStyle(this.el).getPropertyValue('--row')) || 28;
    this.span = [...this.table.tHead.rows[0].cells].filter((c) => c.offsetWidth).length || columns.length;
  }

  draw() {
    if (!this.el.offsetParent) return;
    if (!this.span) this.measure();
    const first = Math.max(0, Math.floor(this.el.scrollTop / this.height) - 6);
    const last = Math.min(this.items.length, first + Math.ceil(this.el.clientHeight / this.height) + 12);
    const shown = this.items.slice(first, last);
    const focused = this.body.contains(document.activeElement) && document.activeElement.closest('tr')?.dataset.id;
    const wanted = new Set(shown);
    for (const [item, tr] of this.made) if (!wanted.has(item)) { tr.remove(); this.made.delete(item); }
    this.top.firstChild.style.height = `${first * this.height}px`;
    this.bottom.firstChild.style.height = `${(this.items.length - last) * this.height}px`;
    this.table.setAttribute('aria-rowcount', this.items.length + 1);
    let i = first + 1; // the head is the first
    let at = this.top.nextSibling;
    for (const item of shown) {
      let tr = this.made.get(item);
      if (!tr) this.made.set(item, tr = this.row(item));
      if (tr === at) at = at.nextSibling;
      else this.body.insertBefore(tr, at);
      tr.setAttribute('aria-rowindex', ++i);
      if (!item.gap) this.current(tr, item.id === this.cursor);
    }
    // Columns that are hidden do not count: a cell that spans them would make them anew.
    for (const td of this.body.querySelectorAll(':is(.space, .gap) > td')) if (td.colSpan !== this.span) td.colSpan = this.span;
    if (focused && !this.body.contains(document.activeElement)) {
      (this.body.querySelector(`tr[data-id="${CSS.escape(focused)}"] a`) || this.el).focus({ preventScroll: true });
    }
    if (last > this.items.length - 40) this.onNear();
  }

  current(tr, on) {
    if (on === (tr.getAttribute('aria-current') === 'true')) return;
    if (on) tr.setAttribute('aria-current', 'true'); else tr.removeAttribute('aria-current');
    tr.querySelector('a').tabIndex = on ? 0 : -1;
  }

  /** offer puts the button that adds a term into a cell, once a pointer is there. */
  offer(td) {
    const item = this.items[this.index(td?.parentNode.dataset.id)];
    const t = item && !td.querySelector('.only') && columns[td.cellIndex][3]?.(item);
    if (t) td.append(only(t));
  }

  row(item) {
    if (item.gap) return h('tr', { class: 'gap' }, h('td', {}, item.gap));
    return fill(h('tr', { data: { id: item.id } }), columns.map(([id, , cell]) =>
      h('td', { class: `c-${id}${numbers.has(id) ? ' n' : ''}` }, cell(item, this.open))));
  }
}
