// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// What is looked at stands in the address: #/x/<id>?q=status:5xx. So it can be shared, and the
// back button works. Ways to another view are new entries of the history, adjustments are not.

const kept = ['q', 'w']; // what stays when the view changes

/** read is the view, the id and the parameters of the address. */
export function read(hash = location.hash) {
  const text = hash.replace(/^#\/?/, '');
  const cut = text.indexOf('?');
  const path = (cut < 0 ? text : text.slice(0, cut)).split('/').map((s) => {
    try { return decodeURIComponent(s); } catch { return s; }
  });
  return { view: path[0] || 'live', id: path[1] || '', p: Object.fromEntries(new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1))) };
}

/** link is the address of a view. Parameters that are empty are left out. */
export function link(view, id, params) {
  const query = new URLSearchParams(Object.entries(params || {}).filter(([, v]) => v)).toString()
    .replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2C/g, ',');
  return `#/${view === 'live' ? '' : view}${id ? `/${encodeURIComponent(id)}` : ''}${query ? `?${query}` : ''}`;
}

let changed = () => {};
let last = null;

function tell() {
  if (location.hash === last) return;
  last = location.hash;
  changed(read());
}

/** watch calls fn with each new state, also with the first. */
export function watch(fn) {
  changed = fn;
  addEventListener('popstate', tell);
  addEventListener('hashchange', tell);
  tell();
}

/** go shows another view. */
export function go(view, id = '', params = {}, replace = false) {
  const now = read();
  const carry = Object.fromEntries(kept.map((k) => [k, now.p[k]]));
  history[replace ? 'replaceState' : 'pushState'](null, '', link(view, id, { ...carry, ...params }));
  tell();
}

/** adjust changes parameters of the view that is shown. */
export function adjust(params) {
  const now = read();
  history.replaceState(null, '', link(now.view, now.id, { ...now.p, ...params }));
  tell();
}
