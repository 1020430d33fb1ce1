// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The HTTP interface. Nothing else is asked, and no other host.

import { params } from './state.js';

/** call asks; an error has the status, 0 without an answer, and the server's sentence. */
export async function call(path, init) {
  const refuse = (status, text) => { throw Object.assign(new Error(text), { status }); };
  const res = await fetch(`api/${path}`, init).catch((err) => {
    if (err.name === 'AbortError') throw err;
    refuse(0, 'The Collector does not answer.');
  });
  if (res.ok) return res;
  const { error } = await res.json().catch(() => ({}));
  return refuse(res.status, error || `The Collector answered ${res.status}.`);
}

export const get = async (path, signal) => (await call(path, { signal })).json();

/** download lets the browser fetch a file of the interface. */
export function download(path) {
  const a = document.createElement('a');
  a.href = `api/${path}`;
  a.download = '';
  a.click();
}

/** Stream is the events of a search; it connects again by itself. State is "open" or "lost". */
export class Stream {
  constructor(handlers) {
    this.handlers = handlers;
    this.wait = 1000;
  }

  open(q) {
    this.close();
    const source = this.source = new EventSource(`api/stream?${params({ q })}`);
    source.onopen = () => { this.wait = 1000; this.handlers.state('open'); };
    source.onerror = () => {
      this.handlers.state('lost');
      // A browser tries again by itself, but not after an answer that is no stream.
      if (source.readyState !== EventSource.CLOSED) return;
      this.timer = setTimeout(() => { this.open(q); this.handlers.reset(); }, this.wait);
      this.wait = Math.min(this.wait * 2, 15000);
    };
    for (const type of ['exchange', 'stats', 'status', 'reset']) source.addEventListener(type, (e) => this.handlers[type](JSON.parse(e.data)));
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}
