// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Reading bodies. JSON.parse loses digits, repeated keys and whatever was cut off, so this
// keeps the text of each value as it stands. A node is {t, text, kids: [{k, v}]}; t is
// "object", "array", "string", "number", "boolean" or "null".

const deepest = 100;

/** parse reads JSON, also documents that were cut and several one after the other; null if it is none. */
export function parse(text) {
  let at = 0;
  let cut = false;
  const blank = /[\s\ufeff]*/y;
  const scalar = /"[^"\\]*(?:\\[^][^"\\]*)*("?)|-?\d[\d.eE+-]*|true|false|null/y;
  const skip = () => { blank.lastIndex = at; blank.exec(text); at = blank.lastIndex; return text[at]; };

  function token() {
    scalar.lastIndex = at;
    const m = scalar.exec(text);
    if (!m) {
      if (/^(?:t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?|-)$/.test(text.slice(at, at + 6))) { at = text.length; cut = true; return null; }
      throw new SyntaxError('no JSON');
    }
    at = scalar.lastIndex;
    const c = m[0][0];
    if (c === '"') {
      if (!m[1] || m[0].length === 1) cut = true;
      let value = m[0].slice(1, m[1] && m[0].length > 1 ? -1 : undefined);
      try { value = JSON.parse(`"${value}"`); } catch { /* as it stands */ }
      return { t: 'string', text: value };
    }
    return { t: c === 't' || c === 'f' ? 'boolean' : c === 'n' ? 'null' : 'number', text: m[0] };
  }

  function value(depth) {
    const c = skip();
    if (c === undefined) { cut = true; return null; }
    if (c !== '{' && c !== '[') return token();
    if (depth > deepest) throw new SyntaxError('too deep');
    const node = { t: c === '{' ? 'object' : 'array', kids: [] };
    const end = c === '{' ? '}' : ']';
    at++;
    for (let n = 0; ; n++) {
      let next = skip();
      if (next === end) { at++; return node; }
      if (n && next === ',') { at++; next = skip(); } else if (n && next !== undefined) throw new SyntaxError('no comma');
      if (next === undefined) { cut = true; return node; }
      let k = n;
      if (c === '{') {
        if (next !== '"') throw new SyntaxError('no key');
        k = token().text;
        if (skip() === ':') at++;
        else if (text[at] === undefined) { cut = true; return node; }
        else throw new SyntaxError('no colon');
      }
      const v = value(depth + 1);
      if (v) node.kids.push({ k, v });
      if (cut) return node;
    }
  }

  try {
    const all = [];
    while (skip() !== undefined && !cut) {
      const v = value(0);
      if (v) all.push(v);
    }
    if (!all.length) return null;
    if (all.length > 1 && all.some((v) => !v.kids)) return null;
    const node = all.length === 1 ? all[0] : { t: 'array', kids: all.map((v, k) => ({ k, v })) };
    node.cut = cut;
    return node;
  } catch {
    return null;
  }
}

/** form reads the fields of a form as an object. */
export function form(text) {
  const plus = (s) => { try { return decodeURIComponent(s.replace(/\+/g, ' ')); } catch { return s; } };
  return { t: 'object', kids: text.split('&').filter(Boolean).map((pair) => {
    const i = pair.indexOf('=');
    return { k: plus(i < 0 ? pair : pair.slice(0, i)), v: { t: 'string', text: i < 0 ? '' : plus(pair.slice(i + 1)) } };
  }) };
}

/** segments cuts a path ($.a['b c'][0], also without $) into its keys. */
export const segments = (path) =>
  [...String(path).replace(/^\$\.?/, '').matchAll(/\[(\*|\d+)\]|\['((?:\\.|[^'\\])*)'\]|\["((?:\\.|[^"\\])*)"\]|([^.[\]]+)/g)]
    .map((m) => m[1] ?? m[2] ?? m[3] ?? m[4]);

/** step is a path with a key more. */
export const step = (path, key, inArray) =>
  (inArray ? `${path}[${key}]` : /^[A-Za-z_][\w-]*$/.test(key) ? `${path}.${key}` : `${path}['${key.replace(/['\\]/g, '\\$&')}']`);

/** index finds things by path; an element of an array is also found by [*], and a key by *. */
export function index(list) {
  const exact = new Map(list.map((x) => [segments(x.path).join('\n'), x]));
  return {
    size: exact.size,
    find(keys) {
      const hit = exact.get(keys.join('\n'));
      if (hit || !exact.size) return hit;
      const stars = keys.map((k) => (/^\d+$/.test(k) ? '*' : k));
      return exact.get(stars.join('\n')) || exact.get([...stars.slice(0, -1), '*'].join('\n'));
    },
  };
}

/** annotate puts the decisions onto the leaves of a document, and what is no longer in it where it was. */
export function annotate(root, before, leaves) {
  const by = index(leaves);
  const seen = new Set();
  const was = new Map();
  const each = (node, keys, fn) => {
    fn(node, keys);
    for (const { k, v } of node.kids || []) each(v, [...keys, String(k)], fn);
  };
  if (before) each(before, [], (node, keys) => was.set(keys.join('\n'), node));
  each(root, [], (node, keys) => {
    const leaf = by.find(keys);
    if (leaf) { node.leaf = leaf; seen.add(leaf); }
    node.before = was.get(keys.join('\n'));
  });
  for (const leaf of leaves) {
    if (seen.has(leaf) || leaf.decision !== 'dropped') continue;
    const keys = segments(leaf.path);
    if (!keys.length || keys.includes('*')) continue;
    let at = root;
    keys.slice(0, -1).forEach((k) => {
      if (!at?.kids) { at = null; return; }
      let kid = at.kids.find((x) => String(x.k) === k)?.v;
      if (!kid) at.kids.push({ k, v: kid = { t: 'object', kids: [], gone: true } });
      at = kid;
    });
    const node = { t: leaf.type || 'value', text: '', gone: true, leaf, before: was.get(keys.join('\n')) };
    at?.kids?.push({ k: keys.at(-1), v: node });
  }
  return root;
}

/** write is a node as text again, cut at a length. */
export function write(node, most = 200) {
  const out = (n) => {
    if (n.t === 'string') return JSON.stringify(n.text);
    if (!n.kids) return n.text;
    const parts = n.kids.slice(0, 20).map(({ k, v }) => (n.t === 'object' ? `${JSON.stringify(String(k))}: ${out(v)}` : out(v)));
    return n.t === 'object' ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
  };
  const text = out(node);
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
