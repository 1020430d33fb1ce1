// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

import { h, fill, empty } from './dom.js';
import { get } from './api.js';
import { params, read } from './state.js';

/** View is a view that reads path and shows it; it is read again while it is looked at. */
export class View {
  constructor(app, label) {
    this.app = app;
    this.el = h('section.view', { 'aria-label': label });
    this.name = label.toLowerCase();
  }

  path() { return this.in(this.name); }

  /** in is the address of something in the window that is chosen. */
  in(path, more) { return `${path}?${params({ window: read().p.w || '1h', ...more })}`; }

  async show(state) {
    const path = this.path(state);
    const fresh = path !== this.now;
    this.now = path;
    this.state = state; // another view may be shown when the answer comes
    if (!fresh && this.data) { this.draw(this.data, state); return; }
    this.data = null;
    this.el.classList.add('loads');
    await this.refresh();
  }

  async refresh() {
    const path = this.now;
    try {
      const data = await get(path);
      if (path !== this.now) return;
      this.data = data;
      this.draw(data, this.state);
    } catch (err) {
      if (path !== this.now) return;
      if (this.data || err.status !== 404) this.app.failed(err);
      else fill(this.el, empty('Not found', h('p', err.message)));
    } finally {
      this.el.classList.remove('loads');
    }
  }

  key(e) { return this.grid?.key(e); }
}
