// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Bodies: as a tree, as they came, or byte by byte.

import { h, button, choice, copy, fill } from './dom.js';
import { num, bytes, plural } from './text.js';
import { parse, form, annotate } from './json.js';
import { badge, changed, columns, difference, shorten, side, tree } from './values.js';

/** read is a body as a document, or null. */
export function read(text, media = '') {
  if (typeof text !== 'string' || !text) return null;
  if (/x-www-form-urlencoded/i.test(media)) return form(text);
  const node = parse(text);
  return node && (node.kids || /json/i.test(media)) ? node : null;
}

/** hex is bytes as a dump: offset, bytes, characters. */
export function hex(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const digits = row.map((b, i) => `${i === 8 ? ' ' : ''}${b.toString(16).padStart(2, '0')}`).join(' ');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${digits.padEnd(48)}  ${row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '·')).join('')}`);
  }
  return lines.join('\n');
}

const fromBase64 = (s) => { try { return Uint8Array.from(atob(s), (c) => c.charCodeAt(0)); } catch { return new Uint8Array(); } };

/** raw is text as it came, of which a very long rest is shown by a button. */
export const raw = (text) => h('pre', { class: 'raw', tabindex: '0', role: 'group', 'aria-label': 'Text as it came' }, shorten(text, 60000));

function decisions(leaves, policy) {
  const some = leaves.filter((l) => changed(l.decision) || l.new);
  if (!some.length) return null;
  return h('table', { class: 'values' }, h('caption', {}, 'Decided inside'), columns(), h('tbody', {}, some.map((l) =>
    h('tr', { class: `changed d-${l.decision}` }, h('th', { scope: 'row' }, l.path), h('td', {}, badge(l, policy), l.type)))));
}

/** body shows one body; view is "tree", "raw" or "hex", and pick asks for another. */
export function body(b, { mode, view, pick, policy, captured, folds }) {
  if (!b?.captured) {
    return h('div', { class: 'body' }, h('h4', {}, 'Body'), h('p', { class: 'quiet' }, captured));
  }
  const size = b.size >= 0 ? bytes(b.size) : '';
  const tags = [b.media, size, b.truncated && 'cut when captured', b.incomplete && 'not read to its end', b.after?.cut && 'cut for this page'].filter(Boolean);
  const head = (kids) => h('header', {}, h('h4', {}, 'Body'), h('span', { class: 'quiet' }, tags.join(' · ')), kids);
  if (!b.after && !b.before) return h('div', { class: 'body' }, head(), h('p', { class: 'quiet' }, b.size === 0 ? 'Empty.' : 'Nothing of it was kept.'));

  const text = { before: b.before?.text, after: b.after?.text };
  const after = read(text.after, b.media);
  const before = read(text.before, b.media);
  const doc = after || before;
  const bin = b.binary || !doc && b.hex;
  const options = [doc && ['tree', 'Tree'], !bin && ['raw', 'Raw'], ['hex', 'Hex']].filter(Boolean);
  const use = options.some(([id]) => id === view) ? view : options[0][0];
  const shown = mode === 'before' ? text.before ?? text.after : text.after;
  const leaves = b.leaves || [];

  function content() {
    if (use === 'tree') {
      const root = annotate(after || { t: 'object', kids: [] }, before, leaves);
      const parts = [tree(root, mode, (node) => node.leaf && badge(node.leaf, policy), folds)];
      const gone = leaves.filter((l) => l.decision === 'dropped');
      if (mode === 'after' && gone.length) parts.push(h('p', { class: 'quiet' }, `Dropped: ${gone.slice(0, 12).map((l) => l.path).join(', ')}${gone.length > 12 ? ` and ${num(gone.length - 12)} more` : ''}`));
      if (doc.cut) parts.push(h('p', { class: 'quiet' }, 'The document ends here: it was cut.'));
      return parts;
    }
    if (use === 'hex') {
      const data = b.hex ? fromBase64(b.hex) : new TextEncoder().encode(shown || '');
      return h('pre', { class: 'raw hex', tabindex: '0', role: 'group', 'aria-label': 'Bytes' }, data.length ? hex(data) : 'no bytes');
    }
    if (mode === 'diff' && text.before != null && text.before !== text.after) return h('div', { class: 'raw' }, difference(text.before, text.after));
    if (mode === 'before' && text.before == null && b.before) return [h('p', {}, side(b.before)), decisions(leaves, policy)];
    return [shown == null ? h('p', {}, side(mode === 'before' ? b.before : b.after)) : raw(shown), decisions(leaves, policy)];
  }

  return h('div', { class: 'body' }, head([
    choice('Body as', options, use, pick),
    shown && button('Copy', () => copy('Body', shown), { title: 'Copy the body as it came' })]), content());
}

/** pretty is text of some type beside its own form, for requests to backends. */
export function pretty(text, media, note, label) {
  const node = read(text, media);
  const box = h('div', { class: 'body' });
  const draw = (view) => fill(box, h('header', {}, h('h4', {}, label), h('span', { class: 'quiet' }, plural(new TextEncoder().encode(text).length, 'byte')),
    node && choice(`${label} as`, [['tree', 'Tree'], ['raw', 'Raw']], view, draw), button('Copy', () => copy(label, text))),
  view === 'tree' ? tree(node, 'after', note || (() => null)) : raw(text));
  draw(node ? 'tree' : 'raw');
  return box;
}
