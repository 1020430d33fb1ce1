// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What the Collector tells of itself: what stands above and below every view, and what stands
// where nothing is yet. The sentences are the Collector's.

import { $, h, fill, button, copy, empty, pre, put, template, toast } from './dom.js';
import { bytes, num, plural, span } from './text.js';

/** collector is its Status, null until that is known. */
export let collector = null;

let denied = false;
let lost = false;
const hidden = new Set(); // notices that were read

const copyable = (text, label) => h('div.code', pre(label, text), button('Copy', () => copy(label, text)));

/** banner says whether anything leaves. */
function banner({ live, targets, dry_run: dry, backends }) {
  const list = dry.length > 0 && dry.join(', ');
  put($('#banner'), { live, targets: targets.join(', ') || 'a backend', others: list && ` · dry run: ${list}`, dry: !live && backends.length > 0, shown: list && ` · ${list}`, none: !backends.length });
}

const elsewhere = new Set(['nothing_yet', 'not_http', 'dry_run']);

/** notes are what one must know. */
function notes() {
  fill($('#notices'), collector.notices.filter((n) => !elsewhere.has(n.code) && !hidden.has(n.text)).map((n) =>
    h(`div.notice.${n.level}`, h('b.level', ({ error: 'Problem', warning: 'Warning' })[n.level] || 'Note'),
      h('div', h('p', n.text), n.fix && copyable(n.fix, 'What to add')), n.level !== 'error' && button('Hide', () => { hidden.add(n.text); notes(); }, { class: 'quiet' }))));
}

/** setStatus shows what the Collector tells. */
export function setStatus(s) {
  collector = s;
  denied = false;
  trouble();
  banner(s);
  notes();
  setStats(s.stats);
}

/** setStats shows the counters of the Collector. */
export function setStats(s) {
  if (!collector) return;
  collector.stats = s;
  const { ring, show_raw: raw, version } = collector;
  put($('footer'), {
    seen: `${plural(s.seen, 'exchange')} since the start`, rate: `${s.per_second.toFixed(1)}/s`,
    keeps: `keeps ${num(ring.max_exchanges)} or ${bytes(ring.max_bytes)}, ${span(ring.ttl)}${ring.full ? ' · full: the oldest make room' : ''}`,
    sample: s.sampling > 0 && s.sampling < 1, missed: s.not_shown > 0 && `${num(s.not_shown)} not shown: the page could not keep up`, raw, version,
  });
  put($('nav'), { fields: s.new_fields > 0 && [num(s.new_fields), h('.opt', ' new')] });
}

function trouble() {
  $('#denied').hidden = !denied;
  $('#lost').hidden = denied || !lost;
}

/** setConnected says whether there is a connection, and tells whether it is there again. */
export function setConnected(ok) {
  const back = lost && ok;
  lost = !ok;
  if (ok) denied = false;
  const mark = $('#conn');
  mark.className = `conn ${ok ? 'open' : 'lost'}`;
  mark.title = mark.ariaLabel = ok ? 'connected' : 'not connected';
  trouble();
  return back;
}

export const isLost = () => lost;

/** failed says what went wrong with a request. */
export function failed(err) {
  if (err.status === 401 || err.status === 403) {
    denied = true;
    trouble();
  } else if (err.status) toast(err.message);
  else if (err.status === undefined) reportError(err); // a fault of this page
}

/** firstSteps is the list when nothing is in memory. */
export function firstSteps() {
  const { notices, stats: { seen } } = collector;
  if (seen > 0) return empty('Nothing in memory', h('p', `${plural(seen, 'exchange')} came since the start; none is kept any more.`));
  const say = (which) => notices.find((n) => n.code === which);
  const yet = say('nothing_yet');
  const other = say('not_http');
  return put(template('first'), { text: yet?.text, other: other?.text, try: Boolean(yet?.fix), fix: yet?.fix && copyable(yet.fix, 'Sample request') });
}
