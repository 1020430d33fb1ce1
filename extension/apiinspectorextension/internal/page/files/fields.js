// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Fields: which values there are, what the policy does to them, and to whom they leave.

import { h, fill, button, choice } from './dom.js';
import { exact, num, plural, short } from './text.js';
import { download } from './api.js';
import { adjust, link, read } from './state.js';
import { Grid, column, moment, number } from './grid.js';
import { badge } from './values.js';
import { View } from './view.js';

const join = (list) => list.join(', ');
const backends = (f) => f.leaves.map((c) => c.replace(/^api_analytics\//, ''));

/** example leads to an exchange that has a field. */
export const example = (f) => f.example && link('x', f.example);

/** fieldColumns are those of the inventory; of one endpoint they do not name it. */
export const fieldColumns = (one) => [
  column('path', 'field', (f) => f.path, (f) => [h('code', f.path), f.new && h('span.tag.new', { title: `First seen ${exact(f.first)}` }, 'new'),
    f.suspicious && h('span.tag.bad', { title: 'A detector fires on a value that leaves' }, `looks like ${f.suspicious}`)]),
  column('location', 'where', (f) => f.location),
  !one && column('endpoint', 'endpoint', (f) => `${f.endpoint} ${f.service}`, (f) => [f.endpoint, h('i.after', f.service)]),
  column('types', 'types', (f) => join(f.types)),
  column('decision', 'decision', (f) => `${f.decision} ${join(f.rules)}`, (f) => badge({ decision: f.decision, rule: join(f.rules) })),
  column('leaves', 'leaves to', (f) => join(backends(f)), (f) => (f.leaves.length ? backends(f).map((c) => h('span', { class: `tag ${f.unchanged ? 'out' : ''}` }, c)) : h('i', 'nobody'))),
  number('count', 'seen', (f) => f.count), moment('first', 'first', (f) => f.first), moment('last', 'last', (f) => f.last),
].filter(Boolean);

const groups = [
  ['suspicious', 'Suspicious: leaves, and looks like personal data', (f) => f.suspicious],
  ['unchanged', 'Leaves unchanged', (f) => f.unchanged && f.leaves.length],
  ['changed', 'Leaves changed', (f) => f.leaves.length],
  ['stays', 'Does not leave', () => true],
];
const groupOf = (f) => groups.findIndex(([, , is]) => is(f));

export class Fields extends View {
  constructor(app) {
    super(app, 'Fields');
    this.grid = new Grid({ label: 'fields', columns: fieldColumns(), id: (f) => `${f.service} ${f.endpoint} ${f.location} ${f.path}`, href: example, group: (f) => groups[groupOf(f)][1], none: 'No field was seen in this window.' });
    this.top = h('div.bar');
    this.note = h('p.total');
    this.el.append(h('div.stack', this.top, this.note, this.grid.el));
  }

  draw(d) {
    const { g = '' } = read().p;
    const save = (label, format, title) => button(label, () => download(this.in('fields', { format })), { title });
    const inGroup = (id) => d.rows.filter((f) => !id || (id === 'new' ? f.new : groups[groupOf(f)][0] === id));
    fill(this.top, this.grid.filter, choice('Show', ['', ...groups.map(([id]) => id), 'new'].map((id) => [id, `${(id || 'all').replace(/^./, (c) => c.toUpperCase())} ${num(inGroup(id).length)}`]), g, (id) => adjust({ g: id })), h('span.grow'),
      save('CSV', 'csv'), save('JSON', 'json'), save('Audit page', 'html', 'One page to print and sign: policy, period, what leaves to whom, what was masked by which rule'));
    fill(this.note, `${plural(d.looked, 'exchange')} of ${num(d.seen)} looked at · policy ${d.policies.map(short).join(', ') || 'none'}`, d.learning && ' · learning: new fields are not marked yet');
    this.grid.set(inGroup(g).sort((a, b) => groupOf(a) - groupOf(b)));
  }
}
