// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Values with what the redaction decided about them.

import { h, button, copy } from './dom.js';
import { num, plural } from './text.js';
import { write } from './json.js';

const long = 400;
export const changed = (decision) => Boolean(decision) && decision !== 'kept';

/** badge is a decision in words, with the rule that made it. */
export function badge({ decision, rule, new: fresh }, policy) {
  if (!decision && !fresh) return null;
  return h('span', { class: 'badges' },
    fresh && h('span', { class: 'tag new', title: 'A field that was not there before' }, 'new'),
    decision && h('span', { class: `badge d-${decision}`, title: rule ? `rule ${rule}${policy ? ` · policy ${policy.slice(0, 8)}` : ''}` : null },
      decision, rule && h('b', {}, rule)));
}

/** shorten is text, of which a long rest is shown by a button. */
export function shorten(text, most = long) {
  if (text.length <= most * 1.2) return text;
  const box = h('span', {}, text.slice(0, most), '… ');
  box.append(button(`all ${num(text.length)} characters`, () => box.replaceChildren(h('span', {}, text)), { cls: 'link' }));
  return box;
}

/** shape is what is known of a value that is not kept. */
const shape = (type, len) => h('i', { class: 'shape', title: 'Values from before the redaction are not kept (show_raw: false)' },
  `‹${type || 'value'}${len > 0 ? `, ${plural(len, /array|slice|object|map|kvlist/.test(type) ? 'element' : 'byte')}` : ''}›`);

export function side(s) {
  if (!s) return h('i', { class: 'shape' }, 'not there');
  if (s.text === null || s.text === undefined) return shape(s.type, s.len);
  return [s.text === '' ? h('i', { class: 'shape' }, 'empty') : shorten(s.text), s.cut && h('span', { class: 'tag' }, `cut, ${plural(s.len, 'byte')}`)];
}

const minus = (...kids) => h('del', {}, h('span', { class: 'sign', 'aria-hidden': 'true' }, '−'), kids);
const plus = (...kids) => h('ins', {}, h('span', { class: 'sign', 'aria-hidden': 'true' }, '+'), kids);

/** difference is before and after, one above the other. */
export const difference = (before, after) => [before && minus(before), after && plus(after)];

function content(v, mode) {
  const kept = v.decision === 'kept';
  const before = kept && v.before?.text == null ? v.after : v.before;
  if (mode === 'before') return side(before);
  if (mode === 'diff' && changed(v.decision)) return difference(v.before && side(v.before), v.after && side(v.after));
  return v.after ? side(v.after) : h('i', { class: 'shape' }, 'not there any more');
}

const take = (v, mode) => (mode === 'before' ? v.before : v.after)?.text;

/** copier is a small button that copies a value as it is, without quotes. */
export function copier(value) {
  if (typeof value !== 'string' || !value) return null;
  return button('copy', () => copy('Value', value), { cls: 'copy', title: 'Copy the value as it is' });
}

/** columns are those of a table of values: names, and what they are. */
export const columns = () => h('colgroup', {}, h('col', { class: 'name' }), h('col'));

/** table shows values: name, value, decision. */
export function table(title, values, mode, policy) {
  let shown = values || [];
  if (mode === 'before') shown = shown.filter((v) => v.before || v.decision === 'kept');
  if (mode === 'diff') shown = [...shown.filter((v) => changed(v.decision)), ...shown.filter((v) => !changed(v.decision))];
  if (!shown.length) return null;
  return h('table', { class: 'values' }, h('caption', {}, title), columns(),
    h('thead', { class: 'away' }, h('tr', {}, ['name', 'value and decision'].map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', {}, shown.map((v) => h('tr', { class: changed(v.decision) ? `changed d-${v.decision}` : null },
      h('th', { scope: 'row', title: v.key && v.key !== v.name ? v.key : null }, v.name),
      h('td', {}, badge(v, policy), content(v, mode), copier(take(v, mode)))))));
}

const budget = 250; // leaves that are unfolded at first
const page = 100; // elements of an array that are shown at first

/** tree shows a document with folding; note(node, path) is what stands beside a value. */
export function tree(root, mode, note, folds = new Map()) {
  let left = budget;

  function text(node) {
    const cls = `v ${node.t}`;
    const quoted = (n) => (n.t === 'string' ? ['"', shorten(n.text), '"'] : n.kids ? write(n) : n.text);
    const was = node.before ? h('span', { class: `v ${node.before.t}` }, quoted(node.before)) : shape(node.leaf?.type);
    if (node.gone) return mode === 'diff' ? difference(was, null) : was;
    if (changed(node.leaf?.decision)) {
      if (mode === 'before') return was;
      if (mode === 'diff') return difference(was, h('span', { class: cls }, quoted(node)));
    }
    return h('span', { class: cls }, quoted(node));
  }

  /** raw is the value that is shown, as it is, if it is known. */
  function raw(node) {
    const n = mode === 'before' && changed(node.leaf?.decision) ? node.before : node;
    return n && !n.kids && !n.gone ? n.text : '';
  }

  const label = (k, inArray) => (k === null ? null : h('span', { class: inArray ? 'k i' : 'k' }, inArray ? k : `"${k}"`, ': '));

  function one(k, node, depth, inArray, keys) {
    if (node.gone && mode === 'after') return null;
    const leaf = !node.kids || (changed(node.leaf?.decision) && mode !== 'after');
    if (leaf) {
      left--;
      return h('div', { class: `leaf${changed(node.leaf?.decision) ? ` changed d-${node.leaf.decision}` : ''}` },
        h('span', {}, label(k, inArray), text(node), copier(raw(node))), note(node, keys));
    }
    const open = node.t === 'object' ? '{' : '[';
    const shut = node.t === 'object' ? '}' : ']';
    if (!node.kids.length) return h('div', { class: 'leaf' }, h('span', {}, label(k, inArray), open + shut), note(node, keys));
    const box = h('div', { class: 'kids' });
    const fold = h('details', { class: 'node' },
      h('summary', {}, label(k, inArray), open, h('span', { class: 'size' }, ` ${plural(node.kids.length, node.t === 'object' ? 'key' : 'element')} ${shut}`), note(node, keys)),
      box, h('div', { class: 'shut' }, shut));
    let made = 0;
    const make = (n) => {
      const until = Math.min(node.kids.length, made + n);
      for (; made < until; made++) {
        const kid = node.kids[made];
        const el = one(kid.k, kid.v, depth + 1, node.t === 'array', [...keys, String(kid.k)]);
        if (el) box.append(el);
      }
      const rest = node.kids.length - made;
      if (rest > 0) {
        const more = button(`${num(rest)} more`, () => { more.remove(); make(page * 5); }, { cls: 'link more' });
        box.append(more);
      }
    };
    const at = keys.join('\n');
    if (folds.get(at) ?? (depth < 8 && left > 0)) { fold.open = true; make(page); }
    fold.addEventListener('toggle', () => {
      folds.set(at, fold.open);
      if (fold.open && !made) make(page);
    });
    return fold;
  }

  return h('div', { class: `tree ${mode}` }, one(null, root, 0, false, []));
}
