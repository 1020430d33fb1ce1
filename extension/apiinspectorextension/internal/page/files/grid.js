// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Tables that sort and filter. The order stands in the address (?sort=-calls&f=text).

import { h, fill } from './dom.js';
import { num } from './text.js';
import { adjust, read } from './state.js';

/** compare puts text in the order that people expect and what is not known last. */
function compare(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true });
}

/**
 * Grid has columns {id, label, title, n, val(row), cell(row)}: val is what is sorted by, cell what is
 * shown; n is a column of numbers. id(row) names a row, href(row) is where it leads.
 */
export class Grid {
  constructor({ label, columns, id, href, group, sort = '', none = 'Nothing yet.' }) {
    Object.assign(this, { columns, id, href, group, initial: sort, none });
    this.rows = [];
    this.head = h('tr');
    this.body = h('tbody');
    this.table = h('table', { class: 'grid' }, h('caption', { class: 'away' }, label), h('thead', {}, this.head), this.body);
    this.input = h('input', { type: 'search', placeholder: 'Filter', 'aria-label': `Filter ${label}`, on: { input: () => adjust({ f: this.input.value }) } });
    this.count = h('span', { class: 'count' });
    this.filter = h('div', { class: 'filter' }, this.input, this.count);
    this.el = h('div', { class: 'wide' }, this.table);
    this.table.addEventListener('click', (e) => {
      if (e.target.closest('a, button, input') || String(getSelection())) return;
      e.target.closest('tr')?.querySelector('th a')?.click();
    });
  }

  set(rows) {
    this.rows = rows;
    this.draw();
  }

  draw() {
    const { p } = read();
    const sort = p.sort || this.initial;
    const down = sort.startsWith('-');
    const column = this.columns.find((c) => c.id === sort.replace(/^-/, ''));
    const want = (p.f || '').toLowerCase();
    if (document.activeElement !== this.input) this.input.value = p.f || '';
    let rows = this.rows.filter((r) => !want || this.columns.some((c) => String(c.val(r) ?? '').toLowerCase().includes(want)));
    if (column) rows = rows.map((r, i) => [r, i]).sort(([a, i], [b, j]) => (down ? -1 : 1) * compare(column.val(a), column.val(b)) || i - j).map(([r]) => r);
    // Under the pointer nothing changes places.
    if (this.order && this.sorted === sort && this.body.matches(':hover')) {
      const at = (r) => this.order.get(this.id(r)) ?? Infinity;
      rows = rows.map((r, i) => [r, i]).sort(([a, i], [b, j]) => (at(a) === at(b) ? i - j : at(a) - at(b))).map(([r]) => r);
    }
    this.sorted = sort;
    this.order = new Map(rows.map((r, i) => [this.id(r), i]));
    fill(this.count, want ? `${num(rows.length)} of ${num(this.rows.length)}` : '');
    const focus = this.table.contains(document.activeElement) && document.activeElement.dataset.at;
    fill(this.head, this.columns.map((c) => h('th', { scope: 'col', class: this.cls(c), title: c.title, 'aria-sort': c === column ? (down ? 'descending' : 'ascending') : null },
      h('button', { type: 'button', data: { at: `sort ${c.id}` }, on: { click: () => this.by(c) } }, c.label))));
    let last = null;
    fill(this.body, rows.flatMap((r) => {
      const title = !column && this.group?.(r);
      const row = h('tr', { class: [r.cls, this.href?.(r) && 'opens'].filter(Boolean).join(' ') || null }, this.columns.map((c, i) => (i ? h('td', { class: this.cls(c), data: { label: c.label } }, c.cell(r))
        : h('th', { scope: 'row', class: this.cls(c) }, this.href?.(r) ? h('a', { href: this.href(r), data: { at: this.id(r) } }, c.cell(r)) : c.cell(r)))));
      if (!title || title === last) return [row];
      last = title;
      return [h('tr', { class: 'group' }, h('th', { scope: 'rowgroup', colspan: this.columns.length }, title)), row];
    }), !rows.length && h('tr', {}, h('td', { colspan: this.columns.length, class: 'none' }, want ? 'Nothing matches the filter.' : this.none)));
    if (focus) this.table.querySelector(`[data-at="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }

  cls(c) { return `g-${c.id}${c.n ? ' n' : ''}`; }

  by(c) {
    const now = this.sorted;
    const first = c.n ? `-${c.id}` : c.id;
    adjust({ sort: now === first ? (c.n ? c.id : `-${c.id}`) : first });
  }

  /** key moves the focus from row to row. */
  key(e) {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key];
    if (!by) return false;
    const all = [...this.body.querySelectorAll('th a')];
    if (!all.length) return false;
    const i = all.indexOf(document.activeElement);
    all[Math.max(0, Math.min(all.length - 1, i < 0 ? 0 : i + by))].focus();
    return true;
  }
}
