// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What is looked at stands in the address: #/x/<id>?q=status:5xx. So it can be shared, and the
// back button works. Ways to another view are new entries of the history, adjustments are not.

/** read is the view, the id and the parameters of the address. */
export function read() {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/s.exec(location.hash);
  const [view, id] = path.split('/').map((s) => {
    try { return decodeURIComponent(s); } catch { return s; }
  });
  return { view: view || 'live', id: id || '', p: Object.fromEntries(new URLSearchParams(query)) };
}

/** params writes parameters; those that are empty are left out. */
export const params = (values) => new URLSearchParams(Object.entries(values).filter(([, v]) => v)).toString();

/** link is the address of a view; what may stand in an address as it is does. */
export function link(view, id, values = {}) {
  const query = params(values).replace(/%(3A|2F|2C)/g, decodeURIComponent);
  return `#/${view === 'live' ? '' : view}${id ? `/${encodeURIComponent(id)}` : ''}${query && `?${query}`}`;
}

let listener = () => {};
let last = null;

function tell() {
  if (location.hash === last) return;
  last = location.hash;
  listener(read());
}

/** watch calls fn with each new state, also with the first. */
export function watch(fn) {
  listener = fn;
  onhashchange = tell;
  tell();
}

function enter(method, address) {
  history[method](null, '', address);
  tell();
}

/** go shows another view; search and window stay. */
export function go(view, id, values, replace) {
  const { q, w } = read().p;
  enter(replace ? 'replaceState' : 'pushState', link(view, id, { q, w, ...values }));
}

/** adjust changes parameters of the view that is shown. */
export function adjust(values) {
  const { view, id, p } = read();
  enter('replaceState', link(view, id, { ...p, ...values }));
}
