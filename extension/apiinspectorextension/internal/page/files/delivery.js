// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Delivery: what the exporters sent, what waits, and what was dropped, and why.

import { h, put, table, template, when } from './dom.js';
import { bytes, span } from './text.js';
import { collector } from './states.js';
import { view } from './view.js';

const words = { ok: 'delivers', waiting: 'waits', failing: 'fails', dry_run: 'dry run' };
const runbook = 'https://github.com/apispan/apispan/blob/main/docs/operations.md';

const reasons = (label, list) => list.length > 0 && table(label, list.map((c) => [c.name, c.n]));
const warnings = (list) => list.map((w) => h('p.notice.warning', w));

/** card is a template of a component, filled. */
function card(id, r, values) {
  const el = template(id);
  el.ariaLabel = r.component;
  return put(el, { ...r, ...values, warnings: warnings(r.warnings) });
}

function exporter(r) {
  const el = card('exporter', r, {
    word: words[r.state], where: `${r.backend} · ${r.target || 'no address'}`, verb: r.dry_run ? 'shown' : 'sent',
    oldest: r.waiting > 0 ? span(r.oldest_waiting) : '–', lost: r.dropped.reduce((n, c) => n + c.n, 0),
    queue: r.queue_on_disk ? h('', { title: 'On disk' }, r.queue_bytes < 0 ? 'on disk' : bytes(r.queue_bytes)) : h('', { title: 'What waits is lost when the Collector stops' }, 'in memory'),
    problem: r.last_problem && [r.last_problem, ' ', r.last_problem_at && when(r.last_problem_at)],
    runbook: r.runbook && ['What to do: ', h('a', { href: `${runbook}#${r.runbook}`, target: '_blank', rel: 'noreferrer noopener' }, `docs/operations.md, “${r.runbook.replace(/-/g, ' ')}”`)],
    dropped: [reasons('Dropped', r.dropped), reasons('Left out on purpose', r.skipped)],
  });
  el.classList.add(`st-${r.state}`);
  return el;
}

const policy = (r) => card('policy', r, { since: when(r.since, (t) => span(Date.now() - new Date(t))) });

export const delivery = () => view('delivery', (el) => ({
  path: () => 'delivery',
  draw({ rows }) {
    const { scrollTop } = el;
    put(el, {
      none: !rows.length,
      cards: [rows.map(exporter), (collector?.redactors || []).map(policy)],
    });
    el.scrollTop = scrollTop;
  },
}));
