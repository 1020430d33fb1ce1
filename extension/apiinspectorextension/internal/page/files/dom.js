// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// How elements are made. Whatever was captured comes onto the page through here, and only as
// text nodes and plain attributes.

// Characters that are invisible or turn the direction of what follows: shown, not obeyed.
const odd = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

const code = (c) => (c < ' ' ? String.fromCharCode(0x2400 + c.charCodeAt(0))
  : `U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);

/** plain is text for attributes and for places that take no elements. */
export const plain = (text) => String(text).replace(odd, (c) => `‹${code(c)}›`);

/** nodes is text as nodes, with what is odd in it marked. */
function nodes(text) {
  if (text.search(odd) < 0) return document.createTextNode(text);
  const out = document.createDocumentFragment();
  let at = 0;
  for (const m of text.matchAll(odd)) {
    if (m.index > at) out.append(text.slice(at, m.index));
    const mark = document.createElement('span');
    mark.className = 'odd';
    mark.append(code(m[0]));
    out.append(mark);
    at = m.index + 1;
  }
  out.append(text.slice(at));
  return out;
}

function add(el, kids) {
  for (const kid of kids) {
    if (kid === null || kid === undefined || kid === false) continue;
    if (Array.isArray(kid)) add(el, kid);
    else el.append(kid instanceof Node ? kid : nodes(String(kid)));
  }
  return el;
}

function attributes(el, props) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') for (const [type, fn] of Object.entries(value)) el.addEventListener(type, fn);
    else if (name === 'data') Object.assign(el.dataset, value);
    else el.setAttribute(name, value === true ? '' : plain(value));
  }
  return el;
}

/** h makes an element: h('a', {href: '#/'}, 'text', other). */
export const h = (tag, props, ...kids) => add(attributes(document.createElement(tag), props), kids);

/** svg makes an element of a drawing. */
export const svg = (tag, props, ...kids) =>
  add(attributes(document.createElementNS('http://www.w3.org/2000/svg', tag), props), kids);

/** fill puts kids in place of what an element holds. */
export const fill = (el, ...kids) => { el.replaceChildren(); return add(el, kids); };

/** button is a button; key is the key that does the same. */
export function button(label, fn, { key, title, cls, ...more } = {}) {
  return h('button', { type: 'button', class: cls, title, 'aria-keyshortcuts': key, on: { click: fn }, ...more },
    label, key && h('kbd', { 'aria-hidden': 'true' }, key));
}

/** choice is a row of buttons of which one is pressed. */
export function choice(label, options, value, fn) {
  return h('div', { class: 'choice', role: 'group', 'aria-label': label }, options.map(([id, text, off]) =>
    h('button', { type: 'button', 'aria-pressed': String(id === value), disabled: Boolean(off), title: off || null,
      on: { click: () => fn(id) } }, text)));
}

/** toast says what became of something that the user did. */
export function toast(text) {
  const el = document.getElementById('toast');
  fill(el, text);
  el.classList.add('on');
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
    toast(`${what} copied: ${value.length.toLocaleString('en')} characters`);
  } catch {
    dialog(what, h('p', {}, 'The browser does not let this page copy. It is selected: copy it by hand.'),
      h('textarea', { class: 'mono', rows: 14, readonly: true, 'aria-label': what }, value)).querySelector('textarea').select();
  }
}

/** dialog shows something above the page; Esc closes it. */
export function dialog(title, ...kids) {
  const back = document.activeElement;
  const box = h('dialog', { 'aria-label': title, on: { close: () => { box.remove(); back?.focus?.(); } } },
    h('header', {}, h('h2', {}, title), button('Close', () => box.close(), { cls: 'quiet' })), kids);
  box.addEventListener('click', (e) => { if (e.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
  return box;
}
