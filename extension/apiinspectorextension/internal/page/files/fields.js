// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Fields: which values there are, what the policy does to them, and to whom they leave.

import { h, fill, button, choice } from './dom.js';
import { ago, exact, num, plural } from './text.js';
import { download, params } from './api.js';
import { adjust, link, read } from './state.js';
import { Grid } from './grid.js';
import { badge } from './values.js';
import { View } from './view.js';

const to = (f) => (f.leaves || []).map((c) => c.replace(/^api_analytics\//, ''));

/** example leads to an exchange that has a field. */
export const example = (f) => f.example && link('x', f.example, {});

/** fieldColumns are those of the inventory; of one endpoint they do not name it. */
export function fieldColumns(one) {
  return [
    { id: 'path', label: 'field', val: (f) => f.path, cell: (f) => [h('code', {}, f.path), f.new && h('span', { class: 'tag new', title: `First seen ${exact(f.first)}` }, 'new'),
      f.suspicious && h('span', { class: 'tag bad', title: 'A detector fires on a value that leaves' }, `looks like ${f.suspicious}`)] },
    { id: 'location', label: 'where', val: (f) => f.location, cell: (f) => f.location },
    !one && { id: 'endpoint', label: 'endpoint', val: (f) => `${f.endpoint} ${f.service}`, cell: (f) => [f.endpoint, h('i', { class: 'after' }, f.service)] },
    { id: 'types', label: 'types', val: (f) => (f.types || []).join(', '), cell: (f) => (f.types || []).join(', ') },
    { id: 'decision', label: 'decision', val: (f) => `${f.decision} ${(f.rules || []).join(' ')}`, cell: (f) => badge({ decision: f.decision, rule: (f.rules || []).join(', ') }) },
    { id: 'leaves', label: 'leaves to', val: (f) => to(f).join(', '), cell: (f) => (to(f).length ? to(f).map((c) => h('span', { class: `tag${f.unchanged ? ' out' : ''}` }, c)) : h('i', {}, 'nobody')) },
    { id: 'count', label: 'seen', n: true, val: (f) => f.count, cell: (f) => num(f.count) },
    { id: 'first', label: 'first', n: true, val: (f) => Date.parse(f.first) || 0, cell: (f) => h('time', { datetime: f.first, title: exact(f.first) }, ago(f.first)) },
    { id: 'last', label: 'last', n: true, val: (f) => Date.parse(f.last) || 0, cell: (f) => h('time', { datetime: f.last, title: exact(f.last) }, ago(f.last)) },
  ].filter(Boolean);
}

const groups = [
  ['suspicious', 'Suspicious: leaves, and looks like personal data', (f) => f.suspicious],
  ['unchanged', 'Leaves unchanged', (f) => f.unchanged && f.leaves?.length],
  ['changed', 'Leaves changed', (f) => f.leaves?.length],
  ['stays', 'Does not leave', () => true],
];
const groupOf = (f) => groups.find(([, , is]) => is(f));

export class Fields extends View {
  constructor(app) {
    super(app, 'Fields');
    this.grid = new Grid({ label: 'fields', columns: fieldColumns(), id: (f) => `${f.service} ${f.endpoint} ${f.location} ${f.path}`, href: example, group: (f) => groupOf(f)[1], none: 'No field was seen in this window.' });
    this.top = h('div', { class: 'bar' });
    this.note = h('p', { class: 'total' });
    this.el.append(h('div', { class: 'stack' }, this.top, this.note, this.grid.el));
  }

  path() { return `fields?${params({ window: read().p.w || '1h' })}`; }

  draw() {
    const d = this.data;
    const { p } = read();
    const save = (format) => () => download(`fields?${params({ window: p.w || '1h', format })}`);
    const count = (id) => d.rows.filter((f) => id === 'new' ? f.new : groupOf(f)[0] === id).length;
    const which = [['', `All ${num(d.rows.length)}`], ['suspicious', `Suspicious ${num(count('suspicious'))}`], ['unchanged', `Unchanged ${num(count('unchanged'))}`],
      ['changed', `Changed ${num(count('changed'))}`], ['stays', `Stays ${num(count('stays'))}`], ['new', `New ${num(count('new'))}`]];
    fill(this.top, this.grid.filter, choice('Show', which, p.g || '', (g) => adjust({ g })), h('span', { class: 'grow' }),
      button('CSV', save('csv')), button('JSON', save('json')), button('Audit page', save('html'), { title: 'One page to print and sign: policy, period, what leaves to whom, what was masked by which rule' }));
    fill(this.note, `${plural(d.looked, 'exchange')} of ${num(d.seen)} looked at · policy ${(d.policies || []).map((x) => x.slice(0, 8)).join(', ') || 'none'}`,
      d.learning && ' · learning: new fields are not marked yet');
    const rows = d.rows.filter((f) => !p.g || (p.g === 'new' ? f.new : groupOf(f)[0] === p.g));
    const order = (f) => groups.indexOf(groupOf(f));
    this.grid.set(rows.map((f, i) => [f, i]).sort(([a, i], [b, j]) => order(a) - order(b) || i - j).map(([f]) => f));
  }
}
