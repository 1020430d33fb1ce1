// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// How elements are made. Whatever was captured comes onto the page through here, and only as
// text nodes and plain attributes.

import { ago, bytes, exact, millis, ms, num, share, span } from './text.js';

// Characters that are invisible or turn the direction of what follows: shown, not obeyed.
const odd = /(?![\t\n])[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu;

const codePoint = (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** plain is text for attributes and for places that take no elements. Lines may break in it, which is a hundred times faster. */
export const plain = (text) => String(text).replace(odd, (c) => ` ${codePoint(c)} `);

/** nodes is text as it may be appended, with what is odd in it marked; very many marks would hold the page up. */
function nodes(text) {
  const found = text.match(odd)?.length || 0;
  if (!found || found > 500) return plain(text);
  const out = document.createDocumentFragment();
  let at = 0;
  for (const m of text.matchAll(odd)) {
    out.append(text.slice(at, m.index), h('.odd', codePoint(m[0])));
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

const maker = (language) => (name, ...kids) => {
  const [tag, ...classes] = name.split('.');
  const el = document.createElementNS(`http://www.w3.org/${language}`, tag || 'span');
  const props = kids[0]?.constructor === Object ? kids.shift() : {};
  if (classes.length) props.class = classes.join(' ').trim() || null;
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === 'function') on(el, key, value);
    else if (!nothing(value)) el.setAttribute(key, value === true ? '' : plain(value));
  }
  return add(el, kids);
};

/** h makes an element: h('p.quiet', 'text'), h('a', { href: '#/', click: fn }, 'text', other). Without a tag it is a span. */
export const h = maker('1999/xhtml');

/** svg makes an element of a drawing. */
export const svg = maker('2000/svg');

/** on calls fn with what happens to an element. */
export const on = (el, type, fn) => el.addEventListener(type, fn);

/** hasFocus is true if the focus is in an element. */
export const hasFocus = (el) => el.contains(document.activeElement);

/** fill puts kids in place of what an element holds. */
export const fill = (el, ...kids) => { el.replaceChildren(); return add(el, kids); };

export const $ = (selector, within = document) => within.querySelector(selector);

/** template is what stands in the document to be used as often as it is needed. */
export const template = (id) => $(`#${id}`).content.cloneNode(true).firstElementChild;

/** when is a time as format has it, with all of it as a title. */
export const when = (t, format = ago) => h('time', { datetime: t, title: exact(t) }, format(t));

/** show is a value in one of the ways that the document asks for: data-as="ms". */
const formats = { num, bytes, ms, span, ago, share: (v) => share(v, 1), when, millis: (t) => when(t, millis) };
export const show = (as, value) => (as ? formats[as](value) : value);

/** put fills the places of a part of the document that have a name (data-id). What is nothing is hidden; what is true shows what stands there. */
export function put(el, values) {
  for (const place of el.querySelectorAll('[data-id]')) {
    const value = values[place.dataset.id];
    place.hidden = nothing(value) || value === '';
    if (!place.hidden && value !== true) fill(place, show(place.dataset.as, value));
  }
  return el;
}

/** keycap is a key, for those who see it; others are told by aria-keyshortcuts. */
export const keycap = (key) => h('kbd', { 'aria-hidden': 'true' }, key);

/** stepOf is how many rows a key goes down. */
export const stepOf = (e) => ({ j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 })[e.key];

/** button is a button; key is the key that does the same. */
export const button = (label, click, { key, ...more } = {}) =>
  h('button', { type: 'button', 'aria-keyshortcuts': key, click, ...more }, label, key && keycap(key));

/** choice is a row of buttons of which one is pressed; off says why one cannot be. */
export const choice = (label, options, value, pick) => h('div.choice', { role: 'group', 'aria-label': label }, options.map(([id, text, off]) =>
  button(text, () => pick(id), { 'aria-pressed': String(id === value), disabled: Boolean(off), title: off || null })));

/** table is a small table: the first of each row is its head, numbers stand at the right. */
export const table = (title, rows, id = 'plain') => put(template(id), { title, rows: rows.map(([head, ...cells]) => h('tr', h('th', { scope: 'row' }, head),
    cells.map((c) => (typeof c === 'number' ? h('td.n', num(c)) : c?.tagName === 'TD' ? c : h('td', c))))) });

/** pre is text as it came, which can be scrolled with the keyboard. */
export const pre = (label, text, cls = '') => h(`pre.${cls}`, { tabindex: '0', role: 'group', 'aria-label': label }, text);

/** empty stands where there is nothing. */
export const empty = (title, ...kids) => h('div.empty', h('h2', title), kids);

let toasted;

/** toast says what became of something that the user did. */
export function toast(text) {
  const el = $('#toast');
  fill(el, text).className = 'on';
  clearTimeout(toasted);
  toasted = setTimeout(() => { fill(el).className = ''; }, 2500);
}

/** copy puts text, or what a promise brings, onto the clipboard. Where that is not allowed it is shown. */
export async function copy(what, text) {
  const value = await Promise.resolve(text).catch((err) => toast(err.message));
  if (value === undefined) return;
  try {
    await navigator.clipboard.writeText(value);
    toast(`${what} copied: ${num(value.length)} characters`);
  } catch {
    const box = $('#copy');
    const area = $('textarea', box);
    fill($('h2', box), what);
    box.showModal();
    area.value = value;
    area.select();
  }
}
