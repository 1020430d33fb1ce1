// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What stands above every view, and what stands where nothing is yet. The sentences are the Collector's.

import { h, button, copy, empty } from './dom.js';
import { plural } from './text.js';

const code = (text, label) => h('div.code', h('pre', { tabindex: '0', role: 'group', 'aria-label': label }, text), button('Copy', () => copy(label, text)));

/** banner says whether anything leaves. */
export function banner({ live, targets, dry_run: dry, backends }) {
  const list = (before) => dry.length > 0 && h('span.quiet', before + dry.join(', '));
  if (live) return h('div.banner.live-on', h('b', 'LIVE'), ` – sending to ${targets.join(', ') || 'a backend'}`, list(' · dry run: '));
  if (backends.length) return h('div.banner.dry', h('b', 'DRY RUN'), ' – nothing leaves', list(' · '));
  return h('div.banner', h('b', 'NO BACKEND'), ' – no api_analytics exporter shows itself here; what other exporters send is not known');
}

const elsewhere = new Set(['nothing_yet', 'not_http', 'dry_run']);

/** notices are what one must know; hidden are those that were read. */
export const notices = (list, hidden, hide) => list.filter((n) => !elsewhere.has(n.code) && !hidden.has(n.text)).map((n) =>
  h('div', { class: `notice ${n.level}` }, h('b.level', ({ error: 'Problem', warning: 'Warning' })[n.level] || 'Note'),
    h('div', h('p', n.text), n.fix && code(n.fix, 'What to add')), n.level !== 'error' && button('Hide', () => hide(n.text), { class: 'quiet' })));

/** firstSteps is the list when nothing is in memory. */
export function firstSteps({ notices: list, stats: { seen } }) {
  if (seen > 0) return empty('Nothing in memory', h('p', `${plural(seen, 'exchange')} came since the start; none is kept any more.`));
  const say = (which) => list.find((n) => n.code === which);
  const yet = say('nothing_yet');
  const other = say('not_http');
  return empty('No exchange yet', h('p', yet?.text), other && h('p.notice.warning', other.text),
    yet?.fix && [h('p', 'Try, in a terminal:'), code(yet.fix, 'Sample request')], h('p', 'or, in a checkout: ', h('code', 'make demo')));
}
