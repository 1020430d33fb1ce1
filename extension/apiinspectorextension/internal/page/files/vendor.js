// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What one backend got, and what it answered.

import { h, button, copy, table, when } from './dom.js';
import { bytes, millis, num, span, plural, statusClass } from './text.js';
import { pretty, raw } from './body.js';
import { dot, stateText } from './rows.js';

/** wire is a request as text. */
const wire = (a) => `${a.method} ${a.url}\n${a.headers.map((f) => `${f.name}: ${f.value}\n`).join('')}\n${a.body}`;

const attempt = (a, i) => h('section.attempt', { 'aria-label': `Attempt ${i + 1}` },
  h('header', h('h3', `Attempt ${i + 1}`), when(a.time, millis),
    a.dry_run ? h('span.tag', 'not sent: dry run') : [h('span', { class: statusClass(a.status) }, `${a.status || 'no answer'} after ${span(a.took)}`), h('span', a.outcome)],
    button('Copy request', () => copy('Request', wire(a)))),
  a.problem && h('p.problem', a.problem),
  h('p.start', h('b', a.method), ' ', a.url),
  h('p.quiet', `${plural(a.events, 'event')} in this request · ${bytes(a.bytes)}`, a.coding && ` · ${a.coding} ${a.encoded > 0 ? bytes(a.encoded) : ''}`, a.events > 1 && ' · below, this event alone'),
  table('Headers', a.headers.map((f) => [f.name, f.value]), 'values'),
  a.body && pretty('Body', a.body, a.tree),
  a.answer && h('div.body', h('header', h('h4', 'Answer')), raw(a.answer)));

const silent = {
  gated: 'The exporter left it out; no request was made.', sampled_out: 'Sampling left it out; no request was made.',
  waiting: 'It waits in the queue; no request was made yet.', read: 'What became of it after the translation is not known.',
};

/** vendor is the panel of a backend. */
export function vendor(v) {
  const { attempts, origins } = v;
  return [
    h('p.sum', dot(v.state), h('b', stateText(v.state)), v.reason && ` ${v.reason}`, ` · ${v.backend} at ${v.target || 'no address'}`, v.event_id && h('span.quiet', ` · event ${v.event_id}`)),
    !attempts.length && h('p.quiet', silent[v.state] || 'No request was made.'),
    attempts.length > 1 && h('p.quiet', `${num(attempts.length)} attempts, the latest first`),
    attempts.map(attempt).reverse(),
    v.event && !attempts.some((a) => a.body) && pretty('Event', v.event, v.tree),
    v.cut && h('p.quiet', 'The bytes were cut for this page; what was sent was not.'),
    origins.length > 0 && h('details.origins', h('summary', `Where ${plural(origins.length, 'part')} come from`), table('', origins.map((o) => [o.path, o.from]), 'values')),
  ];
}
