// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Small drawings.

import { h, svg } from './dom.js';
import { num, span, plural } from './text.js';

/** spark is calls by minute, the newest at the right. */
export function spark(values) {
  const most = Math.max(1, ...values);
  const w = 90;
  const step = w / Math.max(1, values.length);
  const total = values.reduce((a, b) => a + b, 0);
  return svg('svg', { class: 'spark', viewBox: `0 0 ${w} 20`, role: 'img', 'aria-label': `${plural(total, 'call')} in the last ${values.length} minutes, at most ${num(most)} a minute` },
    svg('path', { d: values.map((v, i) => (v ? `M${(i * step + step / 2).toFixed(1)} 19.500V${(19 - 18 * v / most).toFixed(1)}` : '')).join('') || 'M0 0', 'stroke-width': (step * 0.8).toFixed(2) }),
    svg('path', { class: 'base', d: `M0 19.500H${w}` }));
}

/** histogram is calls by how long they took; empty classes at both ends are left out. */
export function histogram(buckets, marks) {
  const first = buckets.findIndex((b) => b.n > 0);
  if (first < 0) return h('p', { class: 'quiet' }, 'No call in this window.');
  const last = buckets.findLastIndex((b) => b.n > 0);
  const shown = buckets.slice(Math.max(0, first - 1), last + 2);
  const most = Math.max(...shown.map((b) => b.n));
  const W = 440;
  const H = 130;
  const w = Math.min(40, W / shown.length);
  const wide = w * shown.length;
  const every = Math.ceil(52 / w);
  const from = shown.map((b, i) => (i ? shown[i - 1].le : buckets[Math.max(0, first - 2)]?.le ?? 0));
  // A mark stands within the class that its value falls into.
  const at = (v) => {
    const i = shown.findIndex((b) => v <= b.le);
    if (i < 0) return wide;
    const low = from[i] < shown[i].le ? from[i] : 0;
    return (i + Math.min(1, Math.max(0, (v - low) / (shown[i].le - low || 1)))) * w;
  };
  return svg('svg', { class: 'histogram', viewBox: `0 0 ${W} ${H + 20}`, role: 'img',
    'aria-label': `Latency: ${marks.map(([t, v]) => `${t} ${span(v)}`).join(', ')}` },
  shown.map((b, i) => svg('g', {}, svg('title', {}, `up to ${span(b.le)}: ${plural(b.n, 'call')}`),
    svg('rect', { class: 'hit', x: i * w, y: 16, width: w, height: H - 16 }),
    svg('rect', { x: (i * w + w * 0.08).toFixed(1), y: (H - (H - 30) * b.n / most).toFixed(1), width: (w * 0.84).toFixed(1), height: ((H - 30) * b.n / most).toFixed(1), rx: 1.5 }),
    i % every === 0 && i * w < W - 44 && svg('text', { x: i ? (i * w + w).toFixed(1) : 0, y: H + 14, 'text-anchor': i ? 'middle' : null }, span(b.le)))),
  svg('path', { class: 'base', d: `M0 ${H}H${wide}` }),
  marks.map(([t, v], i) => svg('g', { class: 'mark' }, svg('path', { d: `M${at(v).toFixed(1)} 14V${H}` }),
    svg('text', { x: Math.min(at(v) + 3, W - 24).toFixed(1), y: 12 + (i % 2) * 11 }, t))));
}

/** statuses is a bar of the shares of status classes. */
export function statuses(status) {
  const all = status.reduce((a, b) => a + b, 0);
  const names = ['none or 1xx', '2xx', '3xx', '4xx', '5xx'];
  let x = 0;
  return svg('svg', { class: 'statuses', viewBox: '0 0 100 8', preserveAspectRatio: 'none', role: 'img',
    'aria-label': names.map((n, i) => `${n}: ${num(status[i])}`).join(', ') },
  status.map((n, i) => {
    const width = all ? 100 * n / all : 0;
    x += width;
    return width > 0 && svg('rect', { class: `s${i ? i + 1 : 0}`, x: (x - width).toFixed(2), y: 0, width: width.toFixed(2), height: 8 }, svg('title', {}, `${names[i]}: ${num(n)}`));
  }));
}
