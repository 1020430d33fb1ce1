// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Fields: which values there are, what the policy does to them, and to whom they leave.

import { $, h, choice, on, put, template } from './dom.js';
import { backendName, exact, num, plural, short } from './text.js';
import { download } from './api.js';
import { adjust, link, read } from './state.js';
import { grid } from './grid.js';
import { badge } from './values.js';
import { inWindow, view } from './view.js';

const backends = (f) => f.leaves.map(backendName);

const groups = [
  ['suspicious', 'Suspicious: leaves, and looks like personal data', (f) => f.suspicious],
  ['unchanged', 'Leaves unchanged', (f) => f.unchanged && f.leaves.length],
  ['changed', 'Leaves changed', (f) => f.leaves.length],
  ['stays', 'Does not leave', () => true],
];
const groupOf = (f) => groups.findIndex(([, , is]) => is(f));

/** fieldGrid is the table of the inventory. */
const fieldGrid = (el, group) => grid(el, {
  id: (f) => `${f.service} ${f.endpoint} ${f.location} ${f.path}`, href: (f) => f.example && link('x', f.example), group,
  cells: {
    path: (f) => [h('code', f.path), f.new && h('.tag.new', { title: `First seen ${exact(f.first)}` }, 'new'),
      f.suspicious && h('.tag.bad', { title: 'A detector fires on a value that leaves' }, `looks like ${f.suspicious}`)],
    endpoint: [(f) => `${f.endpoint} ${f.service}`, (f) => [f.endpoint, h('i.after', f.service)]],
    types: [(f) => f.types.join(', ')],
    decision: [(f) => `${f.decision} ${f.rules}`, (f) => badge({ decision: f.decision, rule: f.rules.join(', ') })],
    leaves: [(f) => String(backends(f)), (f) => (f.leaves.length ? backends(f).map((c) => h(`.tag.${f.unchanged ? 'out' : ''}`, c)) : h('i', 'nobody'))],
  },
});

/** endpointFields is the table of the fields of one endpoint: it does not name that. */
export function endpointFields(rows) {
  const el = $('.wide', template('fields'));
  $('[data-col=endpoint]', el).remove();
  fieldGrid(el).set(rows);
  return el;
}

export const fields = () => view('fields', (el) => {
  const all = fieldGrid(el, (f) => groups[groupOf(f)][1]);
  on(el, 'click', ({ target }) => {
    const { format } = target.dataset;
    if (format) download(inWindow('fields', { format }));
  });

  return {
    grid: all,
    draw(d) {
      const { g = '' } = read().p;
      const inGroup = (id) => d.rows.filter((f) => !id || (id === 'new' ? f.new : groups[groupOf(f)][0] === id));
      put(el, {
        groups: choice('Show', ['', ...groups.map(([id]) => id), 'new'].map((id) => [id, `${(id || 'all').replace(/^./, (c) => c.toUpperCase())} ${num(inGroup(id).length)}`]), g, (id) => adjust({ g: id })),
        total: [`${plural(d.looked, 'exchange')} of ${num(d.seen)} looked at · policy ${d.policies.map(short).join(', ') || 'none'}`, d.learning && ' · learning: new fields are not marked yet'],
      });
      all.set(inGroup(g).sort((a, b) => groupOf(a) - groupOf(b)));
    },
  };
});
