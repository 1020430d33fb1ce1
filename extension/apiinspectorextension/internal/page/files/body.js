// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Bodies: as a tree, as they came, or byte by byte.

import { h, button, choice, copy, fill, pre, table } from './dom.js';
import { num, bytes, plural } from './text.js';
import { badge, changed, difference, shorten, side, tree } from './values.js';

/** hex is bytes as a dump: offset, bytes, characters. */
function hex(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const digits = row.map((b, i) => `${i === 8 ? ' ' : ''}${b.toString(16).padStart(2, '0')}`).join(' ');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${digits.padEnd(48)}  ${row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '·')).join('')}`);
  }
  return lines.join('\n') || 'no bytes';
}

/** raw is text as it came, of which a very long rest is shown by a button. */
export const raw = (text) => pre('Text as it came', shorten(text, 60000), 'raw');

const header = (label, note, ...kids) => h('header', h('h4', label), h('.quiet', note), kids);
const copies = (label, text) => button('Copy', () => copy(label, text), { title: 'Copy it as it came' });

/** decided is what was decided inside of a body that is shown as text. */
function decided(leaves, policy) {
  const some = leaves.filter((l) => changed(l) || l.new);
  return some.length > 0 && table('Decided inside', some.map((l) => [l.path, [badge(l, policy), l.type]]), 'values');
}

/** body shows one body; view is "tree", "raw" or "hex", and pick asks for another. */
export function body(b, { mode, view, pick, policy, missing, folds }) {
  if (!b.captured) return h('div.body', h('h4', 'Body'), h('p.quiet', missing));
  const { before, after, leaves } = b;
  const note = [b.media, b.size >= 0 && bytes(b.size), b.truncated && 'cut when captured', b.incomplete && 'not read to its end', after?.cut && 'cut for this page'].filter(Boolean).join(' · ');
  if (!after && !before) return h('div.body', header('Body', note), h('p.quiet', b.size === 0 ? 'Empty.' : 'Nothing of it was kept.'));

  const options = [b.tree && ['tree', 'Tree'], !b.binary && ['raw', 'Raw'], ['hex', 'Hex']].filter(Boolean);
  const use = options.some(([id]) => id === view) ? view : options[0][0];
  const old = mode === 'before' && before;
  const text = old && before.text !== null ? before.text : after?.text;
  const inside = decided(leaves, policy);

  function content() {
    if (use === 'tree') {
      const gone = mode === 'after' ? leaves.filter((l) => l.decision === 'dropped').map((l) => l.path) : [];
      return [tree(b.tree, mode, policy, folds), gone.length > 0 && h('p.quiet', `Dropped: ${gone.slice(0, 12).join(', ')}`, gone.length > 12 && ` and ${num(gone.length - 12)} more`),
        b.tree_cut && h('p.quiet', 'The document ends here: it was cut.')];
    }
    if (use === 'hex') return pre('Bytes', hex(b.hex ? Uint8Array.from(atob(b.hex), (c) => c.charCodeAt(0)) : new TextEncoder().encode(text || '')), 'raw.hex');
    if (mode === 'diff' && before && before.text !== null && before.text !== after?.text) return h('div.raw', difference(before.text, after?.text));
    if (old && before.text === null || !after || after.text === null) return [h('p', side(old || after)), inside];
    return [raw(text), inside];
  }

  return h('div.body', header('Body', note, choice('Body as', options, use, pick), text && copies('Body', text)), content());
}

/** pretty is text with the tree that it is, if it is one, for requests to backends. */
export function pretty(label, text, node) {
  const box = h('div.body');
  const size = plural(new TextEncoder().encode(text).length, 'byte');
  const draw = (view) => fill(box, header(label, size, node && choice(`${label} as`, [['tree', 'Tree'], ['raw', 'Raw']], view, draw), copies(label, text)), view === 'tree' ? tree(node, 'after') : raw(text));
  draw(node ? 'tree' : 'raw');
  return box;
}
