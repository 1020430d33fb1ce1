// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

import { h, fill } from './dom.js';
import { get } from './api.js';

/** View is a view that reads path and shows it; it is read again while it is looked at. */
export class View {
  constructor(app, label) {
    this.app = app;
    this.el = h('section', { class: 'view', 'aria-label': label });
  }

  async show(state) {
    const path = this.path(state);
    const fresh = path !== this.now;
    this.now = path;
    this.state = state; // another view may be shown when the answer comes
    if (!fresh && this.data) { this.draw(state); return; }
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
      this.draw(this.state);
    } catch (err) {
      if (path !== this.now) return;
      if (this.data || err.status !== 404) this.app.failed(err);
      else fill(this.el, h('div', { class: 'empty' }, h('h2', {}, 'Not found'), h('p', {}, err.message)));
    } finally {
      this.el.classList.remove('loads');
    }
  }

  key(e) { return this.grid?.key(e) || false; }
}
