// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Endpoints, one endpoint, and consumers: what was called, how fast, and by whom.

import { h, fill, put, table, template } from './dom.js';
import { num, plural, share, span, statusClass, term, time } from './text.js';
import { go, link, read } from './state.js';
import { inWindow, view } from './view.js';
import { grid } from './grid.js';
import { histogram, spark, statuses } from './chart.js';
import { endpointFields } from './fields.js';
import { dotText, guessed, nameOf, pseudonym } from './rows.js';

/** errors is the share of a class of status codes; the first class is 1xx and none. */
function errors(r, i) {
  const bad = r.status[i - 1];
  return h(`.${bad ? statusClass(i * 100) : 'quiet'}`, { title: bad > 0 && `${num(bad)} of ${num(r.calls)}` }, share(bad, r.calls));
}

const rate = (i) => [(r) => (r.calls ? r.status[i - 1] / r.calls : -1), (r) => errors(r, i)];
const rates = { c4: rate(4), c5: rate(5) };

const route = (r) => [h('b', r.method), ' ', guessed(r), r.route || r.operation || '/', r.route && r.operation && h('i.after', r.operation), r.new_fields > 0 && h('.tag.new', `${num(r.new_fields)} new`)];

const total = (kind, n, { total: t, other }) => [h('b', plural(n, kind)), ` · ${plural(t.calls, 'call')} · 4xx ${share(t.status[3], t.calls)} · 5xx ${share(t.status[4], t.calls)} · p50 ${span(t.p50)} · p95 ${span(t.p95)}`,
  other > 0 && ` · ${num(other)} rare ones stand together as (other)`];

/** toLive is where a search leads. */
const toLive = (q) => link('live', '', { q });

/** endpointOf is the page of one endpoint. */
function endpointOf(d) {
  const q = `${term('method', d.method)} ${d.route ? term('route', d.route) : term('operation', d.operation)}`;
  const part = (n) => h('td.n', share(n, d.calls));
  const of = (text, search, kind = '') => h(`a.${kind}`, { href: toLive(search) }, text);
  return put(template('endpoint'), {
    ...d, name: route(d), back: h('a', { href: link('endpoints', '', { w: read().p.w }) }, '← All endpoints'), does: d.direction === 'out' ? 'makes' : 'answers',
    live: of('Show its exchanges', q), c4: errors(d, 4), c5: errors(d, 5), n: num(d.fields.length), fields: endpointFields(d.fields),
    latency: histogram(d.latency, [['p50', d.p50], ['p95', d.p95], ['p99', d.p99]]),
    answers: [statuses(d.status), table('', d.statuses.map((s) => [of(s.name, `${q} status:${s.name}`, statusClass(s.name)), s.n, part(s.n)]))],
    top: table('', d.top.map((c) => [caller(c, true), c.calls, part(c.calls)])),
    exchanges: table('', d.exchanges.map((r) => [h('a', { href: link('x', r.id), 'aria-label': nameOf(r) }, time(r.time)), h(`.${statusClass(r.status)}`, r.status || 'none'), h('td.n', span(r.duration)),
      h('', { title: r.backends.map(dotText).join('\n') }, r.label || r.consumer || h('i', 'anonymous'))])),
  });
}

export const endpoints = () => view('endpoints', (el) => {
  const frame = el.firstElementChild;
  const all = grid(frame, {
    id: (r) => r.id, sort: '-calls', href: (r) => link('endpoints', r.id, { w: read().p.w, q: read().p.q }),
    cells: {
      route: [(r) => `${r.route || r.operation} ${r.method}`, route], service: [(r) => `${r.service} ${r.direction}`, (r) => [r.service, r.direction === 'out' && h('i.after', 'out')]],
      ...rates, spark: [(r) => r.spark.reduce((a, b) => a + b, 0), (r) => spark(r.spark)],
    },
  });

  return {
    grid: all,
    path: (id) => inWindow(`endpoints${id && `/${encodeURIComponent(id)}`}`),

    draw(d, id) {
      if (id) {
        const { scrollTop } = el;
        fill(el, endpointOf(d));
        el.scrollTop = scrollTop;
        return;
      }
      if (!frame.isConnected) fill(el, frame);
      put(frame, { total: total('endpoint', d.rows.length, d) });
      all.set(d.rows);
    },

    key(e) {
      if (!read().id) return all.key(e);
      if (e.key === 'Escape') go('endpoints');
      return e.key === 'Escape';
    },
  };
});

/** caller is the name of who calls, which leads to the exchanges if it stands alone. */
function caller(c, alone) {
  if (c.anonymous) return h('i', 'anonymous');
  const name = pseudonym(c, c.label || c.id);
  return [alone ? h('a', { href: toLive(c.query) }, name) : name, !alone && c.label && c.label !== c.id && h('i.after', c.id),
    c.pseudonym && h('.tag', { title: 'A token that the redaction made' }, 'pseudonym')];
}

export const consumers = () => view('consumers', (el) => {
  const all = grid(el, {
    id: (r) => r.id, href: (r) => r.query && toLive(r.query),
    cells: {
      consumer: [(r) => (r.anonymous ? '' : `${r.label} ${r.id}`), (r) => caller(r)], company: (r) => r.company || '–',
      calls: (r) => [r.approx && h('', { title: 'There are many consumers: earlier calls of this one may stand in (other)' }, '≈ '), num(r.calls)], ...rates,
    },
  });

  return {
    grid: all,
    draw(d) {
      put(el, { total: total('consumer', d.rows.filter((r) => !r.anonymous).length, d) });
      all.set(d.rows);
    },
  };
});
