// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Tables that sort and filter. The order stands in the address (?sort=-calls&f=text).

import { $, h, fill, button, when } from './dom.js';
import { num } from './text.js';
import { adjust, read } from './state.js';

/**
 * A column is {id, label, title, n, val(row), cell(row)}: val is what is sorted and filtered by, cell
 * what is shown, if that is another thing; n is a column of numbers.
 */
export const column = (id, label, val, cell = val, more) => ({ id, label, val, cell, ...more });
export const number = (id, label, val, show = num, title) => column(id, label, val, (r) => show(val(r)), { n: true, title });
export const moment = (id, label, get) => column(id, label, (r) => Date.parse(get(r)) || 0, (r) => when(get(r)), { n: true });

/** sorted is rows by a function that compares; what is equal stays as it was. */
const compare = (a, b) => (typeof a === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true }));

/** Grid: id(row) names a row, href(row) is where it leads, group(row) the title that it stands under. */
export class Grid {
  constructor({ label, columns, id, href = () => '', group = () => '', sort = '', none = 'Nothing yet.' }) {
    Object.assign(this, { columns, id, href, group, initial: sort, none });
    this.rows = [];
    this.head = h('tr');
    this.body = h('tbody');
    this.input = h('input', { type: 'search', placeholder: 'Filter', 'aria-label': `Filter ${label}`, input: () => adjust({ f: this.input.value }) });
    this.count = h('span.count');
    this.filter = h('div.filter', this.input, this.count);
    this.el = h('div.wide', { click: (e) => {
      if (!e.target.closest('a, button') && !String(getSelection())) $('th a', e.target.closest('tr'))?.click();
    } }, h('table.grid', h('caption.away', label), h('thead', this.head), this.body));
  }

  set(rows) {
    this.rows = rows;
    const { p } = read();
    const sort = p.sort || this.initial;
    const sign = sort.startsWith('-') ? -1 : 1;
    const by = this.columns.find((c) => c.id === sort.replace(/^-/, ''));
    const want = (p.f || '').toLowerCase();
    if (document.activeElement !== this.input) this.input.value = p.f || '';
    rows = rows.filter((r) => this.columns.some((c) => String(c.val(r) ?? '').toLowerCase().includes(want)));
    if (by) rows.sort((a, b) => sign * compare(by.val(a), by.val(b)));
    // Under the pointer nothing changes places.
    if (this.order && this.sorted === sort && this.body.matches(':hover')) {
      const at = (r) => this.order.get(this.id(r)) ?? 1e9;
      rows.sort((a, b) => at(a) - at(b));
    }
    this.sorted = sort;
    this.order = new Map(rows.map((r, i) => [this.id(r), i]));
    fill(this.count, want && `${num(rows.length)} of ${num(this.rows.length)}`);
    const focus = this.el.contains(document.activeElement) && document.activeElement.dataset.at;
    fill(this.head, this.columns.map((c) => h('th', { scope: 'col', class: this.cls(c), title: c.title, 'aria-sort': c === by && (sign < 0 ? 'descending' : 'ascending') },
      button(c.label, () => this.by(c), { 'data-at': `sort ${c.id}` }))));
    fill(this.body, rows.map((r, i) => {
      const title = !by && this.group(r);
      return [title && title !== (i && this.group(rows[i - 1])) && h('tr.group', h('th', { scope: 'rowgroup', colspan: this.columns.length }, title)), this.row(r)];
    }), !rows.length && h('tr', h('td.none', { colspan: this.columns.length }, want ? 'Nothing matches the filter.' : this.none)));
    if (focus) $(`[data-at="${CSS.escape(focus)}"]`, this.el)?.focus({ preventScroll: true });
  }

  row(r) {
    const [first, ...rest] = this.columns;
    const href = this.href(r);
    return h('tr', { class: href && 'opens' }, h('th', { scope: 'row', class: this.cls(first) }, href ? h('a', { href, 'data-at': this.id(r) }, first.cell(r)) : first.cell(r)),
      rest.map((c) => h('td', { class: this.cls(c), 'data-label': c.label }, c.cell(r))));
  }

  cls(c) { return `g-${c.id}${c.n ? ' n' : ''}`; }

  /** by sorts by a column; numbers are looked at from the largest. */
  by({ id, n }) {
    const both = n ? [`-${id}`, id] : [id, `-${id}`];
    adjust({ sort: both[Number(this.sorted === both[0])] });
  }

  /** key moves the focus from row to row. */
  key(e) {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key];
    const all = [...this.body.querySelectorAll('th a')];
    if (!by || !all.length) return false;
    const i = all.indexOf(document.activeElement);
    all[Math.max(0, Math.min(all.length - 1, i < 0 ? 0 : i + by))].focus();
    return true;
  }
}
