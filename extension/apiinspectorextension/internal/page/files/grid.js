// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Tables that sort and filter. The order stands in the address (?sort=-calls&f=text). The columns
// stand in the document: data-col names a value of the row, data-as how it is shown.

import { $, h, fill, hasFocus, on, show, stepOf } from './dom.js';
import { num } from './text.js';
import { adjust, read } from './state.js';

const compare = (a, b) => (typeof a === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true }));

/**
 * grid fills a table. cells are those of which there is more to say than their value: what is
 * shown, or [what is sorted and filtered by, what is shown if that is another thing], each a function of the row. id(row) names a row, href(row) is where it
 * leads, group(row) the title that it stands under.
 */
export function grid(el, { cells = {}, id, href = () => '', group = () => '', sort: initial = '' }) {
  const input = $('.filter input', el);
  const table = $('.grid', el);
  const [body] = table.tBodies;
  const columns = [...$('tr', table).cells].map((head) => {
    const { col, as } = head.dataset;
    const plainValue = (r) => (as === 'when' ? Date.parse(r[col]) || 0 : r[col]);
    const plainCell = (r) => show(as, r[col]);
    const special = cells[col] || [plainValue, plainCell];
    const [value, cell = value] = typeof special === 'function' ? [plainValue, special] : special;
    return { head, col, value, cell };
  });
  let all = [];
  let sorted;
  let order;

  /** row is what a row shows; the first cell is its head. */
  function row(r) {
    const to = href(r);
    return h(`tr.${to ? 'opens' : ''}`, columns.map(({ head, cell }, i) => {
      const shown = cell(r);
      return i ? h('td', { class: head.className, 'data-label': head.innerText }, shown)
        : h('th', { scope: 'row', class: head.className }, to ? h('a', { href: to, 'data-at': id(r) }, shown) : shown);
    }));
  }

  function set(rows) {
    all = rows;
    const { sort = initial, f = '' } = read().p;
    const sign = sort.startsWith('-') ? -1 : 1;
    const by = columns.find((c) => c.col === sort.replace(/^-/, ''));
    const want = f.toLowerCase();
    if (input && document.activeElement !== input) input.value = f;
    rows = rows.filter((r) => columns.some((c) => String(c.value(r) ?? '').toLowerCase().includes(want)));
    if (by) rows.sort((a, b) => sign * compare(by.value(a), by.value(b)));
    // Under the pointer nothing changes places.
    if (order && sorted === sort && body.matches(':hover')) {
      const at = (r) => order.get(id(r)) ?? 1e9;
      rows.sort((a, b) => at(a) - at(b));
    }
    sorted = sort;
    order = new Map(rows.map((r, i) => [id(r), i]));
    if (input) fill($('.count', el), want && `${num(rows.length)} of ${num(all.length)}`);
    for (const c of columns) c.head.ariaSort = c === by ? (sign < 0 ? 'descending' : 'ascending') : null;
    const focus = hasFocus(body) && document.activeElement.dataset.at;
    fill(body, rows.map((r, i) => {
      const title = !by && group(r);
      return [title && title !== (i && group(rows[i - 1])) && h('tr.group', h('th', { scope: 'rowgroup', colspan: columns.length }, title)), row(r)];
    }), !rows.length && h('tr', h('td.none', { colspan: columns.length }, want ? 'Nothing matches the filter.' : table.dataset.none)));
    if (focus) $(`[data-at="${CSS.escape(focus)}"]`, body)?.focus({ preventScroll: true });
  }

  if (input) on(input, 'input', () => adjust({ f: input.value }));
  on(table, 'click', ({ target }) => {
    const head = target.closest('thead th');
    if (head) { // numbers are looked at from the largest
      const { col } = head.dataset;
      const both = head.matches('.n') ? [`-${col}`, col] : [col, `-${col}`];
      adjust({ sort: both[Number(sorted === both[0])] });
    } else if (!target.closest('a, button') && !String(getSelection())) target.closest('tbody tr')?.querySelector('th a')?.click();
  });

  /** key moves the focus from row to row. */
  function key(e) {
    const by = stepOf(e);
    const links = [...body.querySelectorAll('th a')];
    if (!by || !links.length) return false;
    const i = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, i < 0 ? 0 : i + by))].focus();
    return true;
  }

  return { set, key, input };
}
