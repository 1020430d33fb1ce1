// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What one backend got, and what it answered.

import { $, h, copy, on, put, table, template } from './dom.js';
import { bytes, num, span, plural, statusClass } from './text.js';
import { pretty, raw } from './body.js';
import { dot, stateText } from './rows.js';

/** wire is a request as text. */
const wire = (a) => `${a.method} ${a.url}\n${a.headers.map((f) => `${f.name}: ${f.value}\n`).join('')}\n${a.body}`;

function attempt(a, i) {
  const el = template('attempt');
  el.ariaLabel = `Attempt ${i + 1}`;
  on($('button', el), 'click', () => copy('Request', wire(a)));
  return put(el, {
    ...a, n: i + 1, status: !a.dry_run && h(`.${statusClass(a.status)}`, `${a.status || 'no answer'} after ${span(a.took)}`), outcome: !a.dry_run && a.outcome,
    about: [`${plural(a.events, 'event')} in this request · ${bytes(a.bytes)}`, a.coding && ` · ${a.coding} ${a.encoded > 0 ? bytes(a.encoded) : ''}`, a.events > 1 && ' · below, this event alone'],
    fields: table('Headers', a.headers.map((f) => [f.name, f.value]), 'values'), body: a.body && pretty('Body', a.body, a.tree), answer: a.answer && raw(a.answer),
  });
}

/** silent says why there was no request. */
const silent = (state) => put(template('silent'), { [/^(gated|sampled_out|waiting|read)$/.test(state) ? state : 'other']: true });

/** vendor is the panel of a backend. */
export function vendor(v) {
  const { attempts, origins } = v;
  return [
    h('p.sum', dot(v.state), h('b', stateText(v.state)), v.reason && ` ${v.reason}`, ` · ${v.backend} at ${v.target || 'no address'}`, v.event_id && h('.quiet', ` · event ${v.event_id}`)),
    !attempts.length && silent(v.state),
    attempts.length > 1 && h('p.quiet', `${num(attempts.length)} attempts, the latest first`),
    attempts.map(attempt).reverse(),
    v.event && !attempts.some((a) => a.body) && pretty('Event', v.event, v.tree),
    v.cut && h('p.quiet', 'The bytes were cut for this page; what was sent was not.'),
    origins.length > 0 && h('details.origins', h('summary', `Where ${plural(origins.length, 'part')} come from`), table('', origins.map((o) => [o.path, o.from]), 'values')),
  ];
}
