// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The list of exchanges: a table of which only the rows in sight exist.

import { $, h, hasFocus, on, plain, svg, when } from './dom.js';
import { num, bytes, ms, time, term, statusClass } from './text.js';

/** dot is the state of a backend as a shape with a colour. */
export const dot = (state) => svg(`svg.dot.${state}`, { 'aria-hidden': 'true' },
  svg('use', { href: `#dot-${state}` }));

/** stateText is a state of a backend in words. */
export const stateText = (state) => (state === 'read' ? 'read, nothing known after' : state.replace('_', ' '));
export const dotText = (d) => `${d.component}: ${stateText(d.state)}${d.reason && `, ${d.reason}`}`;

/** hostOf is the host of a call that went out; a route that was made of its URL begins with it. */
const hostOf = (r) => (r.direction === 'out' && !r.route.startsWith(r.host) ? r.host : '');
export const routeOf = (r) => hostOf(r) + (r.route || r.path || r.operation || '/');
export const routeTerm = (r) => (r.operation && !r.route ? term('operation', r.operation) : term('route', r.route));
export const nameOf = (r) => `${r.method} ${routeOf(r)} ${r.status || 'no response'}`;

/** onlyTitle is what a button says that adds a term to the search. */
export const onlyTitle = (t) => `Only ${plain(t)} (with Shift: without)`;

/** guessed marks a route that was made of the path. */
export const guessed = (r) => r.guessed && h('i', { title: 'The route was made of the path' }, '~');
export const pseudonym = (r, text) => h(`.${r.pseudonym ? 'pseudonym' : ''}`, text);

/** marks are what stands out about an exchange: text, style and title of each. */
const marks = (r) => [
  r.new_fields > 0 && ['new', 'new', `${r.new_fields} fields that were not there before`],
  r.blocked_by && ['blocked', 'bad', `Blocked by ${r.blocked_by}`],
  r.would_block && ['would_block', 'warn', `The guard is in shadow: in force, ${r.would_block} would block this`],
  r.pinned && ['pinned', '', 'Kept until unpinned'],
].filter(Boolean);
export const tags = (r) => marks(r).map(([text, cls, title]) => h(`.tag.${cls}`, { title }, text));

/**
 * The cells of a row, and the term that each adds to the search. Their columns stand in the document: time, dir, method, route,
 * status, ms, in, out, consumer, redacted, backends.
 */
const rowCells = [
  [(r) => when(r.time, time)],
  [(r) => r.direction, (r) => term('dir', r.direction)],
  [(r) => h('b', r.method), (r) => term('method', r.method)],
  [(r, open) => h('a', { href: open(r), tabindex: '-1', draggable: 'false', 'aria-label': [nameOf(r), `${ms(r.duration)} milliseconds`, ...marks(r).map(([text]) => text)].join(', ') },
    h('b.m', r.method), hostOf(r) && h('i', hostOf(r)), guessed(r),
    (r.route || r.path || '/').split(/(?<=.\/)/).map((part, i) => [i > 0 && h('wbr'), part]), r.operation && h('i.after', r.operation), tags(r)), routeTerm],
  [(r) => h(`.${statusClass(r.status)}`, r.status || 'none'), (r) => term('status', r.status || 'none')],
  [(r) => ms(r.duration)],
  [(r) => bytes(r.bytes_in)],
  [(r) => bytes(r.bytes_out)],
  [(r) => (r.consumer ? h('', { title: `${r.label ? `${r.label}, ` : ''}${r.consumer}${r.pseudonym ? ' (pseudonym)' : ''}` }, pseudonym(r, r.label || r.consumer)) : h('i', 'anonymous')),
    (r) => r.consumer && term('consumer', r.consumer)],
  [(r) => (r.redacted ? num(r.redacted) : h('i', '0'))],
  [(r) => r.backends.map((d) => h('.dots', { role: 'img', title: dotText(d), 'aria-label': dotText(d) }, dot(d.state)))],
];

/**
 * rowList shows items: rows, newest first, and gaps {gap: 'text'} among them. address(row) is where a
 * row leads; onNear is told when the last ones come near.
 */
export function rowList({ address, onNear }) {
  const el = $('.list');
  const table = $('table', el);
  const head = table.tHead.rows[0];
  const [body] = table.tBodies;
  const [top, bottom] = body.rows; // as high as the rows that are not there
  const made = new Map(); // item → tr
  let items = [];
  let cursor = '';
  let height = 28; // of a row
  let columns; // that are shown
  let frame;

  const soon = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };
  const index = (id) => items.findIndex((r) => r.id === id);

  /** measure finds out what the style makes of the width: the height of rows, and how many columns are shown. */
  function measure() {
    height = parseFloat(getComputedStyle(el).getPropertyValue('--row')) || 28;
    columns = [...head.cells].filter((c) => c.offsetWidth).length || rowCells.length;
  }

  function make(item) {
    if (item.gap) return h('tr.gap', h('td', item.gap));
    return h('tr', { 'data-id': item.id }, rowCells.map(([cell], i) => h('td', { class: head.cells[i].className }, cell(item, address))));
  }

  function current(tr, on) {
    if (on === tr.hasAttribute('aria-current')) return;
    tr.ariaCurrent = on ? 'true' : null;
    $('a', tr).tabIndex = on ? 0 : -1;
  }

  /** focusOn puts the focus on a row, or on the list if it is not there. */
  const focusOn = (row) => ($(`${row} a`, body) || el).focus({ preventScroll: true });

  function draw() {
    if (!el.offsetParent) return;
    if (!columns) measure();
    const first = Math.max(0, Math.floor(el.scrollTop / height) - 6);
    const last = Math.min(items.length, first + Math.ceil(el.clientHeight / height) + 12);
    const shown = items.slice(first, last);
    const focused = hasFocus(body) && document.activeElement.closest('tr').dataset.id;
    const wanted = new Set(shown);
    for (const [item, tr] of made) if (!wanted.has(item)) { tr.remove(); made.delete(item); }
    top.cells[0].style.height = `${first * height}px`;
    bottom.cells[0].style.height = `${(items.length - last) * height}px`;
    table.ariaRowCount = items.length + 1;
    let at = top.nextSibling;
    shown.forEach((item, i) => {
      let tr = made.get(item);
      if (!tr) made.set(item, tr = make(item));
      if (tr === at) at = at.nextSibling;
      else body.insertBefore(tr, at);
      tr.ariaRowIndex = first + i + 2; // the head is the first
      if (!item.gap) current(tr, item.id === cursor);
    });
    // Columns that are hidden do not count: a cell that spans them would make them anew.
    for (const td of body.querySelectorAll(':is(.space, .gap) > td')) if (td.colSpan !== columns) td.colSpan = columns;
    if (focused && !hasFocus(body)) focusOn(`[data-id="${CSS.escape(focused)}"]`);
    if (last > items.length - 40) onNear();
  }

  on(el, 'scroll', soon);
  new ResizeObserver(() => { measure(); soon(); }).observe(el);
  // The button that adds a term stands in a cell once a pointer is there; with Shift it leaves out.
  on(body, 'mouseover', ({ target }) => {
    const td = target.closest('td');
    const item = items[index(td?.parentNode.dataset.id)];
    const t = item && !$('.only', td) && rowCells[td.cellIndex][1]?.(item);
    if (t) td.append(h('button.only', { type: 'button', tabindex: '-1', 'aria-hidden': 'true', 'data-term': t, title: onlyTitle(t) }, '+'));
  });

  return {
    el,
    index,
    get atTop() { return el.scrollTop < 4; },
    get cursor() { return cursor; },
    top() { el.scrollTop = 0; },
    set(list) { items = list; soon(); },

    /** mark makes a row the one that keys act on; look brings it into sight. */
    mark(id, look) {
      cursor = id;
      if (look) {
        const at = index(id) * height;
        const room = el.clientHeight - head.offsetHeight - height;
        el.scrollTop = Math.min(Math.max(el.scrollTop, at - room), at);
      }
      soon();
    },

    /** focus puts the focus on the row that is marked. */
    focus() { draw(); focusOn('[aria-current]'); },
  };
}
