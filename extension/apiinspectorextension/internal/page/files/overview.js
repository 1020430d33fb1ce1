// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Endpoints, one endpoint, and consumers: what was called, how fast, and by whom.

import { h, fill, facts, table } from './dom.js';
import { ago, bytes, ms, num, plural, share, span, statusClass, term, time } from './text.js';
import { go, link, read } from './state.js';
import { View } from './view.js';
import { Grid, column, moment, number } from './grid.js';
import { histogram, spark, statuses } from './chart.js';
import { example, fieldColumns } from './fields.js';
import { dotText, guessed, name, pseudonym } from './rows.js';

/** errors is the share of a class of status codes; the first class is 1xx and none. */
const errors = (i) => (r) => {
  const bad = r.status[i - 1];
  return h('span', { class: bad ? statusClass(i * 100) : 'quiet', title: bad > 0 && `${num(bad)} of ${num(r.calls)}` }, share(bad, r.calls));
};
const rate = (i) => column(`c${i}`, `${i}xx`, (r) => (r.calls ? r.status[i - 1] / r.calls : -1), errors(i), { n: true, title: `Share of calls with status ${i}00 to ${i}99` });

const route = (r) => [h('b', r.method), ' ', guessed(r), r.route || r.operation || '/', r.route && r.operation && h('i.after', r.operation), r.new_fields > 0 && h('span.tag.new', `${num(r.new_fields)} new`)];

const endpointColumns = [
  column('route', 'endpoint', (r) => `${r.route || r.operation} ${r.method}`, route),
  column('service', 'service', (r) => `${r.service} ${r.direction}`, (r) => [r.service, r.direction === 'out' && h('i.after', 'out')]),
  number('calls', 'calls', (r) => r.calls), number('share', 'share', (r) => r.share, (v) => share(v, 1), 'Share of all calls'), rate(4), rate(5),
  number('p50', 'p50', (r) => r.p50, ms, 'Half of the calls took at most as many milliseconds'), number('p95', 'p95', (r) => r.p95, ms, 'in milliseconds'), number('p99', 'p99', (r) => r.p99, ms, 'in milliseconds'),
  number('max', 'max', (r) => r.max, ms, 'The slowest call, in milliseconds'), number('bytes', 'out p95', (r) => r.bytes_out_p95, bytes, '95 % of the responses have at most as many bytes'),
  number('consumers', 'consumers', (r) => r.consumers), moment('first', 'first seen', (r) => r.first), moment('last', 'last seen', (r) => r.last),
  column('spark', 'last 60 min', (r) => r.spark.reduce((a, b) => a + b, 0), (r) => spark(r.spark), { n: true }),
];

const total = (kind, n, { total: t, other }) => h('p.total', h('b', plural(n, kind)), ` · ${plural(t.calls, 'call')} · 4xx ${share(t.status[3], t.calls)} · 5xx ${share(t.status[4], t.calls)} · p50 ${span(t.p50)} · p95 ${span(t.p95)}`,
  other > 0 && ` · ${num(other)} rare ones stand together as (other)`);

export class Endpoints extends View {
  constructor(app) {
    super(app, 'Endpoints');
    this.grid = new Grid({ label: 'endpoints', columns: endpointColumns, id: (r) => r.id, sort: '-calls', href: (r) => link('endpoints', r.id, { w: read().p.w, q: read().p.q }), none: 'No call in this window.' });
    this.top = h('div.bar');
    this.list = h('div.stack', this.top, this.grid.el);
  }

  path({ id } = this.state) { return this.in(`endpoints${id && `/${encodeURIComponent(id)}`}`); }

  draw(d, { id }) {
    if (id) { this.one(d); return; }
    if (!this.list.isConnected) fill(this.el, this.list);
    fill(this.top, this.grid.filter, total('endpoint', d.rows.length, d));
    this.grid.set(d.rows);
  }

  one(d) {
    const q = `${term('method', d.method)} ${d.route ? term('route', d.route) : term('operation', d.operation)}`;
    const { scrollTop } = this.el;
    const part = (n) => h('td.n', share(n, d.calls));
    const card = (title, ...kids) => h('section', h('h3', title), kids);
    fill(this.el,
      h('header.head', h('p', h('a', { href: link('endpoints', '', { w: read().p.w }) }, '← All endpoints')), h('h2', route(d)),
        h('p', `${d.service} · calls that the service ${d.direction === 'out' ? 'makes' : 'answers'} · `, h('a', { href: link('live', '', { q }) }, 'Show its exchanges'))),
      facts([['calls', num(d.calls)], ['share', share(d.share, 1)], ['4xx', errors(4)(d)], ['5xx', errors(5)(d)], ['p50', span(d.p50)], ['p95', span(d.p95)], ['p99', span(d.p99)], ['slowest', span(d.max)],
        ['response p95', bytes(d.bytes_out_p95)], ['consumers', num(d.consumers)], ['first seen', ago(d.first)], ['last seen', ago(d.last)]]),
      h('div.cards',
        card('How long it took', histogram(d.latency, [['p50', d.p50], ['p95', d.p95], ['p99', d.p99]])),
        card('Answers', statuses(d.status), table('', d.statuses.map((s) => [h('a', { href: link('live', '', { q: `${q} status:${s.name}` }), class: statusClass(s.name) }, s.name), s.n, part(s.n)]))),
        card('Who calls most', table('', d.top.map((c) => [caller(c, true), c.calls, part(c.calls)]))),
        card('Latest exchanges', table('', d.exchanges.map((r) => [h('a', { href: link('x', r.id), 'aria-label': name(r) }, time(r.time)), h('span', { class: statusClass(r.status) }, r.status || 'none'), h('td.n', span(r.duration)),
          h('span', { title: r.backends.map(dotText).join('\n') }, r.label || r.consumer || h('i', 'anonymous'))])))),
      h('section', h('h3', `Fields ${d.fields.length}`), this.fields(d.fields)));
    this.el.scrollTop = scrollTop;
  }

  fields(fields) {
    const grid = new Grid({ label: 'fields of this endpoint', columns: fieldColumns(true), id: (f) => `${f.location} ${f.path}`, href: example, none: 'No field was seen.' });
    grid.set(fields);
    return grid.el;
  }

  key(e) {
    if (!read().id) return super.key(e);
    if (e.key === 'Escape') go('endpoints');
    return e.key === 'Escape';
  }
}

/** caller is the name of who calls, which leads to the exchanges if it stands alone. */
const caller = (c, alone) => (c.anonymous ? h('i', 'anonymous') : [
  alone ? h('a', { href: link('live', '', { q: c.query }) }, pseudonym(c, c.label || c.id)) : pseudonym(c, c.label || c.id), !alone && c.label && c.label !== c.id && h('i.after', c.id),
  c.pseudonym && h('span.tag', { title: 'A token that the redaction made' }, 'pseudonym')]);

export class Consumers extends View {
  constructor(app) {
    super(app, 'Consumers');
    this.grid = new Grid({
      label: 'consumers', id: (r) => r.id, href: (r) => r.query && link('live', '', { q: r.query }), none: 'Nobody called in this window.',
      columns: [
        column('consumer', 'consumer', (r) => (r.anonymous ? '' : `${r.label} ${r.id}`), (r) => caller(r)), column('company', 'company', (r) => r.company, (r) => r.company || '–'),
        column('calls', 'calls', (r) => r.calls, (r) => [r.approx && h('span', { title: 'There are many consumers: earlier calls of this one may stand in (other)' }, '≈ '), num(r.calls)], { n: true }),
        number('share', 'share', (r) => r.share, (v) => share(v, 1)), rate(4), rate(5), number('p95', 'p95', (r) => r.p95, ms, 'in milliseconds'),
        number('endpoints', 'endpoints', (r) => r.endpoints), moment('last', 'last seen', (r) => r.last),
      ],
    });
    this.top = h('div.bar');
    this.el.append(h('div.stack', this.top, this.grid.el));
  }

  draw(d) {
    fill(this.top, this.grid.filter, total('consumer', d.rows.filter((r) => !r.anonymous).length, d));
    this.grid.set(d.rows);
  }
}
