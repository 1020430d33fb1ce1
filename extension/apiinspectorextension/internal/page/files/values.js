// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Values with what the redaction decided about them.

import { h, button, copy, put, template } from './dom.js';
import { num, plural, short } from './text.js';

export const changed = ({ decision }) => Boolean(decision) && decision !== 'kept';

/** badge is a decision in words, with the rule that made it. */
export const badge = ({ decision, rule, new: fresh }, policy) => (decision || fresh) && h('.badges',
  fresh && h('.tag.new', { title: 'A field that was not there before' }, 'new'),
  decision && h(`.badge.d-${decision}`, { title: rule && `rule ${rule}${policy ? ` · policy ${short(policy)}` : ''}` }, decision, rule && h('b', rule)));

/** shorten is text, of which a long rest is shown by a button. */
export function shorten(text, most = 400) {
  if (text.length <= most * 1.2) return text;
  const box = h('', text.slice(0, most), '… ', button(`all ${num(text.length)} characters`, () => box.replaceChildren(h('', text)), { class: 'link' }));
  return box;
}

const note = (text) => h('i.shape', text);

/** sideText is the text of a side, or what is known of a value that is not kept. */
function sideText({ type, len, text }, show) {
  if (text !== null) return show(text);
  const size = len > 0 ? `, ${plural(len, /array|slice|object|map/.test(type) ? 'element' : 'byte')}` : '';
  return h('i.shape', { title: 'Values from before the redaction are not kept (show_raw: false)' }, `‹${type || 'value'}${size}›`);
}

/** side is a value before or after. */
export const side = (s) => (s ? [sideText(s, (text) => (text ? shorten(text) : note('empty'))), s.text !== null && s.cut && h('.tag', `cut, ${plural(s.len, 'byte')}`)] : note('not there'));

const signed = (tag, sign, kids) => kids && h(tag, h('.sign', { 'aria-hidden': 'true' }, sign), kids);

/** difference is before and after, one above the other. */
export const difference = (before, after) => [signed('del', '−', before), signed('ins', '+', after)];

function content(v, mode) {
  if (mode === 'before') return side(v.before && (v.decision !== 'kept' || v.before.text !== null) ? v.before : v.decision === 'kept' && v.after);
  if (mode === 'diff' && changed(v)) return difference(v.before && side(v.before), v.after && side(v.after));
  return v.after ? side(v.after) : note('not there any more');
}

/** copier is a small button that copies a value as it is, without quotes. */
const copier = (value) => value && button('copy', () => copy('Value', value), { class: 'copy', title: 'Copy the value as it is' });

const style = (v) => (changed(v) ? `changed.d-${v.decision}` : '');

/** list shows values: name, value, decision. */
export function list(title, values, mode, policy) {
  let shown = values;
  if (mode === 'before') shown = shown.filter((v) => v.before || v.decision === 'kept');
  if (mode === 'diff') shown = [...shown.filter(changed), ...shown.filter((v) => !changed(v))];
  return shown.length > 0 && put(template('values'), { title, rows: shown.map((v) => h(`tr.${style(v)}`, h('th', { scope: 'row', title: v.key !== v.name && v.key }, shorten(v.name)),
      h('td', badge(v, policy), content(v, mode), copier((mode === 'before' ? v.before : v.after)?.text)))) });
}

const budget = 250; // leaves that are unfolded at first
const page = 100; // elements of a container that are shown at first

/** tree shows a document with folding, and beside each value what was decided, or where it comes from. */
export function tree(root, mode, policy, folds = new Map()) {
  let left = budget;

  const quoted = (type) => (text) => h(`.v.${type}`, type === 'string' ? ['"', shorten(text), '"'] : shorten(text));
  const beside = (node) => (node.from ? h('.from', { title: 'Where this part comes from' }, '← ', node.from) : badge(node, policy));

  function value(node) {
    const before = () => sideText(node.before, quoted(node.before.type));
    const after = () => !node.gone && quoted(node.type)(node.text);
    if (mode === 'after' || !changed(node)) return after();
    return mode === 'before' ? before() : difference(before(), after());
  }

  function one(node, depth, key, path) {
    const label = key !== undefined && [h(typeof key === 'number' ? '.k.i' : '.k', typeof key === 'number' ? key : ['"', shorten(key), '"']), ': '];
    if (!node.kids || changed(node) && mode !== 'after') {
      left--;
      return h(`div.leaf.${style(node)}`, h('', label, value(node), copier(mode === 'before' && changed(node) ? node.before.text : node.text)), beside(node));
    }
    const array = node.type === 'array';
    const [open, shut] = array ? '[]' : '{}';
    const kids = node.kids.filter((kid) => mode !== 'after' || !kid.gone);
    const box = h('div.kids');
    let made = 0;
    const make = (n) => {
      const from = made;
      made += n;
      box.append(...kids.slice(from, made).map((kid, i) => one(kid, depth + 1, array ? from + i : kid.key, `${path}/${from + i}`)));
      if (made >= kids.length) return;
      const more = button(`${num(kids.length - made)} more`, () => { more.remove(); make(page * 5); }, { class: 'link' });
      box.append(more);
    };
    const fold = h('details.node', { toggle: () => {
      folds.set(path, fold.open);
      if (fold.open && !made) make(page);
    } }, h('summary', label, open, h('.size', ` ${plural(kids.length, array ? 'element' : 'key')} ${shut}`), beside(node)), box, h('div.shut', shut));
    if (folds.get(path) ?? (depth < 8 && left > 0)) { fold.open = true; make(page); }
    return fold;
  }

  return h(`div.tree.${mode}`, one(root, 0, undefined, ''));
}
