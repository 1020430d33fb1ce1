// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// How elements are made. Whatever was captured comes onto the page through here, and only as
// text nodes and plain attributes.

import { ago, exact, num } from './text.js';

// Characters that are invisible or turn the direction of what follows: shown, not obeyed.
const odd = /(?![\t\n])[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu;

const code = (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** plain is text for attributes and for places that take no elements. Lines may break in it, which is a hundred times faster. */
export const plain = (text) => String(text).replace(odd, (c) => ` ${code(c)} `);

/** nodes is text as it may be appended, with what is odd in it marked; very many marks would hold the page up. */
function nodes(text) {
  const found = text.match(odd)?.length || 0;
  if (!found || found > 500) return plain(text);
  const out = document.createDocumentFragment();
  let at = 0;
  for (const m of text.matchAll(odd)) {
    out.append(text.slice(at, m.index), h('span.odd', code(m[0])));
    at = m.index + m[0].length;
  }
  out.append(text.slice(at));
  return out;
}

const nothing = (v) => v === null || v === undefined || v === false;

function add(el, kids) {
  for (const kid of kids) {
    if (Array.isArray(kid)) add(el, kid);
    else if (!nothing(kid)) el.append(kid instanceof Node ? kid : nodes(String(kid)));
  }
  return el;
}

function make(create, name, kids) {
  const [tag, ...classes] = name.split('.');
  const el = create(tag);
  const props = kids[0]?.constructor === Object ? kids.shift() : {};
  if (props.class) classes.push(props.class);
  if (classes.length) props.class = classes.join(' ');
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === 'function') el.addEventListener(key, value);
    else if (!nothing(value)) el.setAttribute(key, value === true ? '' : plain(value));
  }
  return add(el, kids);
}

/** h makes an element: h('p.quiet', 'text'), h('a', { href: '#/', click: fn }, 'text', other). */
export const h = (name, ...kids) => make((tag) => document.createElement(tag), name, kids);

/** svg makes an element of a drawing. */
export const svg = (name, ...kids) => make((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag), name, kids);

/** fill puts kids in place of what an element holds. */
export const fill = (el, ...kids) => { el.replaceChildren(); return add(el, kids); };

export const $ = (selector, within = document) => within.querySelector(selector);

/** button is a button; key is the key that does the same. */
export const button = (label, click, { key, ...more } = {}) =>
  h('button', { type: 'button', 'aria-keyshortcuts': key, click, ...more }, label, key && h('kbd', { 'aria-hidden': 'true' }, key));

/** choice is a row of buttons of which one is pressed; off says why one cannot be. */
export const choice = (label, options, value, pick) => h('div.choice', { role: 'group', 'aria-label': label }, options.map(([id, text, off]) =>
  button(text, () => pick(id), { 'aria-pressed': String(id === value), disabled: Boolean(off), title: off || null })));

/** table is a small table: the first of each row is its head, numbers stand at the right. */
export const table = (caption, rows, cls = 'plain') => h('table', { class: cls }, caption && h('caption', caption), cls === 'values' && h('colgroup', h('col.name'), h('col')),
  h('tbody', rows.map(([head, ...cells]) => h('tr', h('th', { scope: 'row' }, head),
    cells.map((c) => (typeof c === 'number' ? h('td.n', num(c)) : c?.tagName === 'TD' ? c : h('td', c)))))));

/** facts are figures with their names. */
export const facts = (list) => h('dl.figures', list.map(([label, value, title]) => h('div', h('dt', label), h('dd', { title }, value))));

/** when is a time as show has it, with all of it as a title. */
export const when = (t, show = ago) => h('time', { datetime: t, title: exact(t) }, show(t));

/** empty stands where there is nothing. */
export const empty = (title, ...kids) => h('div.empty', h('h2', title), kids);

/** toast says what became of something that the user did. */
export function toast(text) {
  const el = $('#toast');
  fill(el, text).classList.add('on');
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { el.classList.remove('on'); fill(el); }, 2500);
}

/** copy puts text, or what a promise brings, onto the clipboard. Where that is not allowed it is shown. */
export async function copy(what, text) {
  let value = '';
  try {
    value = await text;
  } catch (err) {
    toast(err.message);
    return;
  }
  try {
    await navigator.clipboard.writeText(value);
    toast(`${what} copied: ${num(value.length)} characters`);
  } catch {
    const box = $('#copy');
    fill($('h2', box), what);
    box.showModal();
    $('textarea', box).value = value;
    $('textarea', box).select();
  }
}
