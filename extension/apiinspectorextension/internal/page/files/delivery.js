// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Delivery: what the exporters sent, what waits, and what was dropped, and why.

import { h, fill } from './dom.js';
import { ago, bytes, exact, num, span } from './text.js';
import { View } from './view.js';

const words = { ok: 'delivers', waiting: 'waits', failing: 'fails', dry_run: 'dry run' };
const runbook = 'https://github.com/apispan/apispan/blob/main/docs/operations.md';

/** anchor is the address of a heading, as GitHub makes it. */
const anchor = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replace(/ /g, '-');

function reasons(label, list) {
  if (!list?.length) return null;
  return h('table', { class: 'plain' }, h('caption', {}, label), h('tbody', {}, list.map((c) => h('tr', {}, h('th', { scope: 'row' }, c.name), h('td', { class: 'n' }, num(c.n))))));
}

function card(r) {
  const figure = (label, value, title) => h('div', {}, h('dt', {}, label), h('dd', { title }, value));
  return h('section', { class: `card ${r.state}`, 'aria-label': r.component },
    h('header', {}, h('h2', {}, r.component), h('span', { class: `tag st-${r.state}` }, words[r.state] || r.state)),
    h('p', { class: 'quiet' }, `${r.backend} · ${r.target || 'no address'}`),
    h('dl', { class: 'figures' }, figure(r.dry_run ? 'shown' : 'sent', num(r.sent)), figure('waiting', num(r.waiting)), figure('oldest', r.waiting > 0 ? span(r.oldest_waiting) : '–'), figure('retried', num(r.retried)),
      figure('dropped', num((r.dropped || []).reduce((n, c) => n + c.n, 0))), figure('queue', r.queue_on_disk ? bytes(r.queue_bytes) : 'in memory', r.queue_on_disk ? 'on disk' : 'What waits is lost when the Collector stops')),
    r.last_problem && h('p', { class: 'problem' }, r.last_problem, r.last_problem_at && h('time', { class: 'quiet', datetime: r.last_problem_at, title: exact(r.last_problem_at) }, ` ${ago(r.last_problem_at)}`)),
    r.runbook && h('p', {}, 'What to do: ', h('a', { href: `${runbook}#${anchor(r.runbook)}`, target: '_blank', rel: 'noreferrer noopener' }, `docs/operations.md, “${r.runbook.replace(/-/g, ' ')}”`)),
    reasons('Dropped', r.dropped), reasons('Left out on purpose', r.skipped),
    (r.warnings || []).map((w) => h('p', { class: 'notice warning' }, w)));
}

export class Delivery extends View {
  constructor(app) {
    super(app, 'Delivery');
  }

  path() { return 'delivery'; }

  draw() {
    const { rows } = this.data;
    const policies = (this.app.known?.redactors || []).map((r) => h('p', { class: 'total' }, `${r.component}: policy ${r.policy}${r.dry_run ? ' · dry run: it only counts' : ''}`, (r.warnings || []).map((w) => h('span', { class: 'notice warning' }, w))));
    const { scrollTop } = this.el;
    fill(this.el, h('div', { class: 'stack' }, policies, rows.length ? h('div', { class: 'cards' }, rows.map(card))
      : h('div', { class: 'empty' }, h('h2', {}, 'No exporter'), h('p', {}, 'No api_analytics exporter shows itself here. Give it the key inspector: api_inspector.'))));
    this.el.scrollTop = scrollTop;
  }
}
