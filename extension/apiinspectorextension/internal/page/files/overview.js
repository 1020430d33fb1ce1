// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Endpoints, one endpoint, and consumers: what was called, how fast, and by whom.

import { h, fill } from './dom.js';
import { ago, bytes, exact, ms, num, plural, share, span, statusClass, term, time } from './text.js';
import { params } from './api.js';
import { go, link, read } from './state.js';
import { View } from './view.js';
import { Grid } from './grid.js';
import { histogram, spark, statuses } from './chart.js';
import { example, fieldColumns } from './fields.js';
import { name, stateText } from './rows.js';

const window = () => read().p.w || '1h';
const when = (id, label, get) => ({ id, label, n: true, val: (r) => Date.parse(get(r)) || 0, cell: (r) => h('time', { datetime: get(r), title: exact(get(r)) }, ago(get(r))) });
const number = (id, label, get, show = num, title = null) => ({ id, label, title, n: true, val: get, cell: (r) => show(get(r)) });
const part = (i) => (r) => {
  const bad = r.status[i - 1]; // the first class is 1xx and none
  return h('span', { class: bad ? `status s${i}` : 'quiet', title: bad ? `${num(bad)} of ${num(r.calls)}` : null }, share(bad, r.calls));
};
const rate = (id, i) => ({ id, label: `${i}xx`, title: `Share of calls with status ${i}00 to ${i}99`, n: true, val: (r) => (r.calls ? r.status[i - 1] / r.calls : -1), cell: part(i) });

const route = (r) => [h('b', { class: 'method' }, r.method), ' ', r.guessed && h('i', { title: 'The route was made of the path' }, '~'), r.route || r.operation || '/',
  r.route && r.operation && h('i', { class: 'after' }, r.operation), r.new_fields > 0 && h('span', { class: 'tag new' }, `${r.new_fields} new`)];
const routeText = (r) => `${r.route || r.operation} ${r.method}`;

const endpointColumns = () => [
  { id: 'route', label: 'endpoint', val: routeText, cell: route },
  { id: 'service', label: 'service', val: (r) => `${r.service} ${r.direction}`, cell: (r) => [r.service, r.direction === 'out' && h('i', { class: 'after' }, 'out')] },
  number('calls', 'calls', (r) => r.calls), number('share', 'share', (r) => r.share, (v) => share(v, 1), 'Share of all calls'),
  rate('c4', 4), rate('c5', 5), number('p50', 'p50', (r) => r.p50, ms, 'Half of the calls took at most as many milliseconds'), number('p95', 'p95', (r) => r.p95, ms, 'in milliseconds'), number('p99', 'p99', (r) => r.p99, ms, 'in milliseconds'),
  number('max', 'max', (r) => r.max, ms, 'The slowest call, in milliseconds'), number('bytes', 'out p95', (r) => r.bytes_out_p95, bytes, '95 % of the responses have at most as many bytes'),
  number('consumers', 'consumers', (r) => r.consumers), when('first', 'first seen', (r) => r.first), when('last', 'last seen', (r) => r.last),
  { id: 'spark', label: 'last 60 min', val: (r) => (r.spark || []).reduce((a, b) => a + b, 0), cell: (r) => spark(r.spark || []) },
];

function total(kind, n, t, other) {
  return h('p', { class: 'total' }, h('b', {}, plural(n, kind)), ` · ${plural(t.calls, 'call')} · 4xx ${share(t.status[3], t.calls)} · 5xx ${share(t.status[4], t.calls)} · p50 ${span(t.p50)} · p95 ${span(t.p95)}`,
    other > 0 && ` · ${num(other)} rare ones stand together as (other)`);
}

export class Endpoints extends View {
  constructor(app) {
    super(app, 'Endpoints');
    this.grid = new Grid({ label: 'endpoints', columns: endpointColumns(), id: (r) => r.id, sort: '-calls', href: (r) => link('endpoints', r.id, { w: read().p.w, q: read().p.q }), none: 'No call in this window.' });
    this.list = h('div', { class: 'stack' });
  }

  path({ id }) { return `endpoints${id ? `/${encodeURIComponent(id)}` : ''}?${params({ window: window() })}`; }

  draw({ id }) {
    if (id) { this.one(this.data); return; }
    if (this.list.parentNode !== this.el) fill(this.el, this.list);
    if (!this.grid.filter.isConnected) fill(this.list, this.top = h('div', { class: 'bar' }), this.grid.el);
    fill(this.top, this.grid.filter, total('endpoint', this.data.rows.length, this.data.total, this.data.other));
    this.grid.set(this.data.rows);
  }

  one(d) {
    const q = `${term('method', d.method)} ${d.route ? term('route', d.route) : term('operation', d.operation)}`;
    const { scrollTop } = this.el;
    const figure = (label, value) => h('div', {}, h('dt', {}, label), h('dd', {}, value));
    const marks = [['p50', d.p50], ['p95', d.p95], ['p99', d.p99]];
    fill(this.el, h('header', { class: 'head' },
      h('p', {}, h('a', { href: link('endpoints', '', { w: read().p.w }) }, '← All endpoints')), h('h2', {}, route(d)),
      h('p', {}, `${d.service} · ${d.direction === 'out' ? 'calls that the service makes' : 'calls that the service answers'} · `, h('a', { href: link('live', '', { q }) }, 'Show its exchanges'))),
    h('dl', { class: 'figures' }, figure('calls', num(d.calls)), figure('share', share(d.share, 1)), figure('4xx', part(4)(d)), figure('5xx', part(5)(d)),
      figure('p50', span(d.p50)), figure('p95', span(d.p95)), figure('p99', span(d.p99)), figure('slowest', span(d.max)), figure('response p95', bytes(d.bytes_out_p95)), figure('consumers', num(d.consumers)),
      figure('first seen', ago(d.first)), figure('last seen', ago(d.last))),
    h('div', { class: 'cards' },
      h('section', {}, h('h3', {}, 'How long it took'), histogram(d.latency || [], marks)),
      h('section', {}, h('h3', {}, 'Answers'), statuses(d.status), h('table', { class: 'plain' }, h('tbody', {}, (d.statuses || []).map((s) => h('tr', {},
        h('th', { scope: 'row' }, h('a', { href: link('live', '', { q: `${q} status:${s.name}` }), class: `status ${statusClass(Number(s.name))}` }, s.name)), h('td', { class: 'n' }, num(s.n)), h('td', { class: 'n' }, share(s.n, d.calls))))))),
      h('section', {}, h('h3', {}, 'Who calls most'), h('table', { class: 'plain' }, h('tbody', {}, (d.top || []).map((c) => h('tr', {}, h('th', { scope: 'row' }, who(c)), h('td', { class: 'n' }, num(c.calls)), h('td', { class: 'n' }, share(c.calls, d.calls))))))),
      h('section', {}, h('h3', {}, 'Latest exchanges'), h('table', { class: 'plain' }, h('tbody', {}, (d.exchanges || []).map((r) => h('tr', {},
        h('th', { scope: 'row' }, h('a', { href: link('x', r.id, {}), 'aria-label': name(r) }, time(r.time))), h('td', {}, h('span', { class: `status ${statusClass(r.status)}` }, r.status || 'none')), h('td', { class: 'n' }, span(r.duration)),
        h('td', { title: r.backends.map((b) => `${b.component}: ${stateText(b.state)}`).join('\n') }, r.label || r.consumer || h('i', {}, 'anonymous')))))))),
    h('section', {}, h('h3', {}, `Fields ${(d.fields || []).length}`), fieldTable(d.fields || [])));
    this.el.scrollTop = scrollTop;
  }

  key(e) {
    if (e.key === 'Escape' && read().id) { go('endpoints'); return true; }
    return read().id ? false : super.key(e);
  }
}

/** fieldTable is the fields of one endpoint. */
function fieldTable(fields) {
  const grid = new Grid({ label: 'fields of this endpoint', columns: fieldColumns(true), id: (f) => `${f.location} ${f.path}`, href: example, none: 'No field was seen.' });
  grid.set(fields);
  return grid.el;
}

const who = (c) => (c.anonymous ? h('i', {}, 'anonymous') : [h('a', { href: link('live', '', { q: c.query }), class: c.pseudonym ? 'pseudonym' : null }, c.label || c.id), c.pseudonym && h('span', { class: 'tag' }, 'pseudonym')]);

export class Consumers extends View {
  constructor(app) {
    super(app, 'Consumers');
    this.grid = new Grid({
      label: 'consumers', id: (r) => r.id, href: (r) => (r.query ? link('live', '', { q: r.query }) : ''), none: 'Nobody called in this window.',
      columns: [
        { id: 'consumer', label: 'consumer', val: (r) => (r.anonymous ? '' : `${r.label} ${r.id}`), cell: (r) => (r.anonymous ? h('i', {}, 'anonymous') : [h('span', { class: r.pseudonym ? 'pseudonym' : null }, r.label || r.id), r.label && r.label !== r.id && h('i', { class: 'after' }, r.id), r.pseudonym && h('span', { class: 'tag', title: 'A token that the redaction made' }, 'pseudonym')]) },
        { id: 'company', label: 'company', val: (r) => r.company, cell: (r) => r.company || '–' },
        { id: 'calls', label: 'calls', n: true, val: (r) => r.calls, cell: (r) => [r.approx && h('span', { title: 'There are many consumers: earlier calls of this one may stand in (other)' }, '≈ '), num(r.calls)] },
        number('share', 'share', (r) => r.share, (v) => share(v, 1)), rate('c4', 4), rate('c5', 5),
        number('p95', 'p95', (r) => r.p95, ms, 'in milliseconds'), number('endpoints', 'endpoints', (r) => r.endpoints), when('last', 'last seen', (r) => r.last),
      ],
    });
    this.list = h('div', { class: 'stack' }, this.top = h('div', { class: 'bar' }), this.grid.el);
    this.el.append(this.list);
  }

  path() { return `consumers?${params({ window: window() })}`; }

  draw() {
    fill(this.top, this.grid.filter, total('consumer', this.data.rows.filter((r) => !r.anonymous).length, this.data.total, this.data.other));
    this.grid.set(this.data.rows.map((r) => ({ ...r, cls: r.anonymous ? 'anonymous' : null })));
  }
}
