// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What stands above every view, and what stands where nothing is yet.

import { h, button, copy } from './dom.js';
import { num, plural } from './text.js';

const code = (text, label) => h('div', { class: 'code' }, h('pre', { tabindex: '0', role: 'group', 'aria-label': label }, text), button('Copy', () => copy(label, text)));

/** banner says whether anything leaves. */
export function banner(s) {
  if (!s) return h('div', { class: 'banner' }, 'Connecting…');
  const dry = s.dry_run || [];
  if (s.live) {
    return h('div', { class: 'banner live-on' }, h('b', {}, 'LIVE'), ` – sending to ${(s.targets || []).join(', ') || 'a backend'}`,
      dry.length > 0 && h('span', { class: 'quiet' }, ` · dry run: ${dry.join(', ')}`));
  }
  if (!(s.backends || []).length) return h('div', { class: 'banner' }, h('b', {}, 'NO BACKEND'), ' – no api_analytics exporter shows itself here; what other exporters send is not known');
  return h('div', { class: 'banner dry' }, h('b', {}, 'DRY RUN'), ' – nothing leaves', dry.length > 0 && h('span', { class: 'quiet' }, ` · ${dry.join(', ')}`));
}

const inList = new Set(['nothing_yet', 'not_http', 'dry_run']); // said elsewhere

/** notices are what one must know; hidden are the codes that were read. */
export function notices(s, hidden, hide) {
  return (s?.notices || []).filter((n) => !inList.has(n.code) && !hidden.has(n.code + n.text)).map((n) =>
    h('div', { class: `notice ${n.level}` }, h('b', { class: 'level' }, ({ error: 'Problem', warning: 'Warning' })[n.level] || 'Note'),
      h('div', {}, h('p', {}, n.text), n.fix && code(n.fix, 'What to add')),
      n.level !== 'error' && button('Hide', () => hide(n.code + n.text), { cls: 'quiet' })));
}

/** sample is a request that sends one exchange, for a terminal. */
function sample(listens) {
  const http = listens.find((a) => /:\d*4318$|http/.test(a)) || '127.0.0.1:4318';
  const address = http.replace(/^https?:\/\//, '').replace(/\/$/, '');
  const attr = (k, v) => ({ key: k, value: typeof v === 'number' ? { intValue: v } : { stringValue: v } });
  const spans = { resourceSpans: [{ resource: { attributes: [attr('service.name', 'try')] }, scopeSpans: [{ spans: [{ traceId: 'TRACE', spanId: 'SPAN', name: 'POST /orders', kind: 2,
    startTimeUnixNano: 'TIME', endTimeUnixNano: 'TIME', attributes: [attr('http.request.method', 'POST'), attr('url.path', '/orders'), attr('http.route', '/orders'), attr('http.response.status_code', 201),
      attr('http.request.body.content', '{"card":"4111 1111 1111 1111","sku":"A1"}'), attr('http.request.header.content-type', 'application/json')] }] }] }] };
  const json = JSON.stringify(spans).replace('TRACE', "'$(openssl rand -hex 16)'").replace('SPAN', "'$(openssl rand -hex 8)'").replace(/TIME/g, "'$(date +%s)000000000'");
  return `curl -H 'Content-Type: application/json' http://${address}/v1/traces -d '${json}'`;
}

/** firstSteps is the list when nothing is in memory. */
export function firstSteps(s, stats) {
  const notice = (s.notices || []).find((n) => n.code === 'nothing_yet');
  const other = (s.notices || []).find((n) => n.code === 'not_http');
  const arrived = Object.entries(stats?.arrived || {}).filter(([, n]) => n > 0);
  const all = arrived.reduce((sum, [, n]) => sum + n, 0);
  const listens = s.listens || [];
  if (stats?.seen > 0) return h('div', { class: 'empty' }, h('h2', {}, 'Nothing in memory'), h('p', {}, `${plural(stats.seen, 'exchange')} came since the start; none is kept any more.`));
  return h('div', { class: 'empty' }, h('h2', {}, 'No exchange yet'),
    h('p', {}, notice?.text || (listens.length ? `OTLP listens on ${listens.join(' and ')}.` : 'Send OTLP to the Collector.')),
    all > 0 && h('p', { class: 'notice warning' }, other?.text || `${plural(all, 'span')} arrived, none was an HTTP exchange (${arrived.map(([k, n]) => `${k}: ${num(n)}`).join(', ')}).`),
    h('p', {}, 'Try, in a terminal:'), code(notice?.fix || sample(listens), 'Sample request'),
    h('p', {}, 'or, in a checkout: ', h('code', {}, 'make demo')));
}
