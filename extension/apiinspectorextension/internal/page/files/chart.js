// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Small drawings.

import { h, svg } from './dom.js';
import { num, span, plural } from './text.js';

const sum = (values) => values.reduce((a, b) => a + b, 0);
const drawing = (name, label, box, ...kids) => svg(name, { viewBox: `0 0 ${box}`, role: 'img', 'aria-label': label, preserveAspectRatio: name === 'svg.statuses' && 'none' }, kids);

/** spark is calls by minute, the newest at the right. */
export function spark(values) {
  const most = Math.max(1, ...values);
  const step = 90 / values.length;
  return drawing('svg.spark', `${plural(sum(values), 'call')} in the last ${values.length} minutes, at most ${num(most)} a minute`, '90 20',
    svg('path', { d: values.map((v, i) => v && `M${((i + 0.5) * step).toFixed(1)} 19.5V${(19 - 18 * v / most).toFixed(1)}`).filter(Boolean).join(''), 'stroke-width': step * 0.8 }),
    svg('path.base', { d: 'M0 19.5H90' }));
}

/** histogram is calls by how long they took; empty classes at both ends are left out. */
export function histogram(buckets, marks) {
  const first = buckets.findIndex((b) => b.n > 0) - 1;
  if (first < -1) return h('p.quiet', 'No call in this window.');
  const from = Math.max(0, first);
  const shown = buckets.slice(from, buckets.findLastIndex((b) => b.n > 0) + 2);
  const most = Math.max(...shown.map((b) => b.n));
  const w = Math.min(40, 440 / shown.length);
  // A mark stands within the class that its value falls into.
  const at = (v) => {
    const i = shown.findIndex((b) => v <= b.le);
    if (i < 0) return shown.length * w;
    const low = buckets[from + i - 1]?.le || 0;
    return (i + Math.max(0, v - low) / (shown[i].le - low || 1)) * w;
  };
  return drawing('svg.histogram', `Latency: ${marks.map(([t, v]) => `${t} ${span(v)}`).join(', ')}`, '440 150',
    shown.map((b, i) => {
      const height = 100 * b.n / most;
      return svg('g', svg('title', `up to ${span(b.le)}: ${plural(b.n, 'call')}`), svg('rect.hit', { x: i * w, y: 16, width: w, height: 114 }),
        svg('rect', { x: i * w + 1, y: 130 - height, width: w - 2, height, rx: 1.5 }),
        i % Math.ceil(52 / w) === 0 && i * w < 396 && svg('text', { x: i * w, y: 144 }, span(b.le)));
    }),
    svg('path.base', { d: `M0 130H${shown.length * w}` }),
    marks.map(([t, v], i) => svg('g.mark', svg('path', { d: `M${at(v)} 14V130` }), svg('text', { x: Math.min(at(v) + 3, 416), y: 12 + (i % 2) * 11 }, t))));
}

/** statuses is a bar of the shares of status classes. */
export function statuses(status) {
  const all = sum(status) || 1;
  const words = status.map((n, i) => `${['none or 1xx', '2xx', '3xx', '4xx', '5xx'][i]}: ${num(n)}`);
  return drawing('svg.statuses', words.join(', '), '100 8', status.map((n, i) => n > 0 && svg(`rect.s${i && i + 1}`, { x: 100 * sum(status.slice(0, i)) / all, width: 100 * n / all, height: 8 }, svg('title', words[i]))));
}
