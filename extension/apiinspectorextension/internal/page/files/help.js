// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

import { h, dialog } from './dom.js';

const keys = [
  ['j k  ↓ ↑', 'next, previous'], ['Enter', 'open'], ['Esc', 'close; again: nothing selected'], ['/', 'search'], ['f', 'freeze, resume'], ['n', 'show new'],
  ['b', 'after, before, diff'], ['0', 'the exchange'], ['1 … 9', 'a backend'], ['c', 'copy curl'], ['y', 'copy raw HTTP of both sides'], ['h', 'download HAR'], ['t', 'make a test'], ['p', 'pin, unpin'],
  ['g l', 'Live'], ['g e', 'Endpoints'], ['g c', 'Consumers'], ['g f', 'Fields'], ['g r', 'Rules'], ['g d', 'Delivery'], ['?', 'this help'],
];
const terms = [
  ['status:>=500  status:4xx,5xx', 'a number, a class, several'], ['method:POST  dir:out  service:shop', 'what was called'], ['route:/orders/*', 'with * for anything'],
  ['ms:>250  bytes:>10k', 'longer, larger'], ['consumer:acme  user:u-42  company:acme', 'who called'], ['backend:moesif  outcome:retry', 'what became of it'],
  ['rule:cards  redacted:>0', 'what the redaction did'], ['header:x-tier=gold', 'a header field'], ['req.$.order.items[*].sku:A1', 'a place in a body; res. for the response'],
  ['trace:4bf92…', 'a trace'], ['"free text"', 'anywhere'], ['-route:/health', 'without'],
];
const rows = (list) => h('table', { class: 'plain keys' }, h('tbody', {}, list.map(([k, t]) =>
  h('tr', {}, h('th', { scope: 'row' }, k.split('  ').map((one, i) => [i > 0 && h('br'), h('code', {}, one)])), h('td', {}, t)))));

/** help is the keys and the search on one sheet. */
export function help() {
  dialog('Help', h('div', { class: 'two' },
    h('section', {}, h('h3', {}, 'Keys'), rows(keys)),
    h('section', {}, h('h3', {}, 'Search'), h('p', {}, 'A blank means and. Terms are also added by the + beside a value; with Shift they leave out.'), rows(terms))));
}
