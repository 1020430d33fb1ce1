// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What one backend got, and what it answered.

import { h, button, copy } from './dom.js';
import { bytes, millis, exact, num, span, plural, statusClass } from './text.js';
import { pretty, raw } from './body.js';
import { index } from './json.js';
import { dot, stateText } from './rows.js';
import { columns } from './values.js';

/** wire is a request as text. */
function wire(a) {
  return `${a.method} ${a.url}\n${a.headers.map((f) => `${f.name}: ${f.value}\n`).join('')}\n${a.body}`;
}

function attempt(a, i, from) {
  const done = a.dry_run ? 'not sent: dry run' : `${a.status || 'no answer'} after ${span(a.took)}`;
  return h('section', { class: 'attempt', 'aria-label': `Attempt ${i + 1}` },
    h('header', {}, h('h3', {}, `Attempt ${i + 1}`), h('time', { class: 'quiet', datetime: a.time, title: exact(a.time) }, millis(a.time)),
      h('span', { class: a.dry_run ? 'tag' : `status ${statusClass(a.status)}` }, done), a.outcome && !a.dry_run && h('span', {}, a.outcome),
      button('Copy request', () => copy('Request', wire(a)))),
    a.problem && h('p', { class: 'problem' }, a.problem),
    h('p', { class: 'start' }, h('b', {}, a.method), ' ', a.url),
    h('p', { class: 'quiet' }, `${plural(a.events, 'event')} in this request · ${bytes(a.bytes)}${a.coding ? ` · ${a.coding} ${bytes(a.encoded)}` : ''}`,
      a.events > 1 ? ' · below, this event alone' : ''),
    h('table', { class: 'values' }, h('caption', {}, 'Headers'), columns(), h('tbody', {}, a.headers.map((f) =>
      h('tr', {}, h('th', { scope: 'row' }, f.name), h('td', {}, f.value))))),
    a.body && pretty(a.body, '', from, 'Body'),
    a.answer && h('div', { class: 'body' }, h('header', {}, h('h4', {}, 'Answer')), raw(a.answer)));
}

/** vendor is the panel of a backend. */
export function vendor(v) {
  const origins = index(v.origins || []);
  const origin = (keys) => {
    const o = origins.find(keys);
    return o && h('span', { class: 'from', title: 'Where this part comes from' }, '← ', o.from);
  };
  // In a batch the event is an element of an array, or below a key.
  const inBody = (node, keys) => {
    for (let i = 0; i <= Math.min(3, keys.length); i++) {
      const o = origin(keys.slice(i));
      if (o) return o;
    }
    return null;
  };
  const attempts = v.attempts || [];
  const latest = attempts.length > 1 ? attempts.map((a, i) => [a, i]).reverse() : attempts.map((a, i) => [a, i]);
  return [
    h('p', { class: 'sum' }, dot(v.state), h('b', {}, stateText(v.state)), v.reason && ` ${v.reason}`, ` · ${v.backend} at ${v.target || 'no address'}`,
      v.event_id && h('span', { class: 'quiet' }, ` · event ${v.event_id}`)),
    !attempts.length && h('p', { class: 'quiet' }, ({ gated: 'The exporter left it out; no request was made.', sampled_out: 'Sampling left it out; no request was made.',
      waiting: 'It waits in the queue; no request was made yet.', read: 'What became of it after the translation is not known.' })[v.state] || 'No request was made.'),
    attempts.length > 1 && h('p', { class: 'quiet' }, `${num(attempts.length)} attempts, the latest first`),
    latest.map(([a, i]) => attempt(a, i, inBody)),
    v.event && !attempts.some((a) => a.body) && pretty(v.event, v.media, (node, keys) => origin(keys), 'Event'),
    v.cut && h('p', { class: 'quiet' }, 'The bytes were cut for this page; what was sent was not.'),
    origins.size > 0 && h('details', { class: 'origins' }, h('summary', {}, `Where ${plural(origins.size, 'part')} come from`),
      h('table', { class: 'values' }, columns(), h('tbody', {}, v.origins.map((o) => h('tr', {}, h('th', { scope: 'row' }, o.path), h('td', {}, o.from)))))),
  ];
}
