// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

import { h, fill, empty, template } from './dom.js';
import { get } from './api.js';
import { params, read } from './state.js';
import { failed } from './states.js';

/** inWindow is the address of something in the window that is chosen. */
export const inWindow = (path, more) => `${path}?${params({ window: read().p.w || '1h', ...more })}`;

/**
 * view is a view that reads path(id) and draws what it has got; it is read again while it is looked at.
 * Its frame stands in the document as a template.
 */
export function view(name, make) {
  const el = template(name);
  const { path = () => inWindow(name), draw, ...more } = make(el);
  let now;
  let data;
  let id;

  async function refresh() {
    const from = now;
    try {
      const got = await get(from);
      if (from !== now) return;
      data = got;
      draw(data, id); // another one may be asked for than when it was read
    } catch (err) {
      if (from !== now) return;
      if (data || err.status !== 404) failed(err);
      else fill(el, empty('Not found', h('p', err.message)));
    } finally {
      el.classList.remove('loads');
    }
  }

  async function show(state) {
    ({ id } = state);
    const next = path(id);
    const same = next === now && data;
    now = next;
    if (same) { draw(data, id); return; }
    data = null;
    el.classList.add('loads');
    await refresh();
  }

  return { el, refresh, show, key: (e) => more.grid?.key(e), input: more.grid?.input, ...more };
}
