// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The HTTP interface. Nothing else is asked, and no other host.

/** Refused is an answer that is no success; its message is the server's sentence. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export async function call(path, init) {
  let res;
  try {
    res = await fetch(`api/${path}`, init);
  } catch (err) {
    if (err.name === 'AbortError') throw err;
    throw new Refused(0, 'The Collector does not answer.');
  }
  if (res.ok) return res;
  let text = '';
  try { text = (await res.json()).error; } catch { /* no sentence came */ }
  throw new Refused(res.status, text || `The Collector answered ${res.status}.`);
}

export const get = async (path, signal) => (await call(path, { signal })).json();
export const text = async (path) => (await call(path)).text();

export const params = (values) => new URLSearchParams(Object.entries(values).filter(([, v]) => v !== '' && v !== undefined)).toString();

/** download lets the browser fetch a file of the interface. */
export function download(path) {
  const a = document.createElement('a');
  a.href = `api/${path}`;
  a.download = '';
  a.click();
}

/** stream is the events of a search; it connects again by itself. State is "open" or "lost". */
export class Stream {
  constructor(handlers) {
    this.handlers = handlers;
    this.wait = 1000;
  }

  open(q) {
    this.close();
    this.q = q;
    const source = new EventSource(`api/stream?${params({ q })}`);
    this.source = source;
    source.onopen = () => { this.wait = 1000; this.handlers.state('open'); };
    source.onerror = () => {
      this.handlers.state('lost');
      // A browser tries again by itself, but not after an answer that is no stream.
      if (source.readyState !== EventSource.CLOSED) return;
      this.timer = setTimeout(() => { this.open(this.q); this.handlers.reset(); }, this.wait);
      this.wait = Math.min(this.wait * 2, 15000);
    };
    for (const type of ['exchange', 'stats', 'status', 'reset']) {
      source.addEventListener(type, (e) => {
        let data = null;
        try { data = JSON.parse(e.data || '{}'); } catch { return; }
        this.handlers[type](data);
      });
    }
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
