// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Delivery: what the exporters sent, what waits, and what was dropped, and why.

import { h, fill, empty, facts, table, when } from './dom.js';
import { bytes, num, span } from './text.js';
import { View } from './view.js';

const words = { ok: 'delivers', waiting: 'waits', failing: 'fails', dry_run: 'dry run' };
const runbook = 'https://github.com/apispan/apispan/blob/main/docs/operations.md';
const anchor = (heading) => heading.toLowerCase().replace(/ /g, '-'); // as GitHub makes it

const reasons = (label, list) => list.length > 0 && table(label, list.map((c) => [c.name, c.n]));
const warnings = (list) => list.map((w) => h('p.notice.warning', w));

const exporter = (r) => h('section', { class: `card ${r.state}`, 'aria-label': r.component },
  h('header', h('h2', r.component), h('span', { class: `tag st-${r.state}` }, words[r.state])),
  h('p.quiet', `${r.backend} · ${r.target || 'no address'}`),
  facts([[r.dry_run ? 'shown' : 'sent', num(r.sent)], ['waiting', num(r.waiting)], ['oldest', r.waiting > 0 ? span(r.oldest_waiting) : '–'], ['retried', num(r.retried)],
    ['dropped', num(r.dropped.reduce((n, c) => n + c.n, 0))], r.queue_on_disk ? ['queue', r.queue_bytes < 0 ? 'on disk' : bytes(r.queue_bytes), 'On disk'] : ['queue', 'in memory', 'What waits is lost when the Collector stops']]),
  r.last_problem && h('p.problem', r.last_problem, ' ', r.last_problem_at && when(r.last_problem_at)),
  r.runbook && h('p', 'What to do: ', h('a', { href: `${runbook}#${anchor(r.runbook)}`, target: '_blank', rel: 'noreferrer noopener' }, `docs/operations.md, “${r.runbook.replace(/-/g, ' ')}”`)),
  reasons('Dropped', r.dropped), reasons('Left out on purpose', r.skipped), warnings(r.warnings));

const policy = (r) => h('section.card', { 'aria-label': r.component },
  h('header', h('h2', r.component), r.dry_run && h('span.tag.warn', 'dry run: it only counts')),
  facts([['policy', h('code', r.policy)], ['in force', r.since ? when(r.since, (t) => span(Date.now() - new Date(t))) : '–', 'For how long']]), warnings(r.warnings));

export class Delivery extends View {
  constructor(app) { super(app, 'Delivery'); }

  path() { return 'delivery'; }

  draw({ rows }) {
    const { scrollTop } = this.el;
    fill(this.el, h('div.stack', !rows.length && empty('No exporter', h('p', 'No api_analytics exporter shows itself here. Give it the key inspector: api_inspector.')),
      h('div.cards', rows.map(exporter), (this.app.known?.redactors || []).map(policy))));
    this.el.scrollTop = scrollTop;
  }
}
