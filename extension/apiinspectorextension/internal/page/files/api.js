// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The HTTP interface. Nothing else is asked, and no other host.

import { h, on } from './dom.js';
import { params } from './state.js';
import { failed } from './states.js';

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

/** exchangePath is the path of an exchange. */
export const exchangePath = (id) => `exchanges/${encodeURIComponent(id)}`;

/** download keeps a file of the interface. The browser would not tell why there is none. */
export const download = (path) => call(path).then(async (res) => {
  const href = URL.createObjectURL(await res.blob());
  h('a', { href, download: res.headers.get('Content-Disposition').split('"')[1] }).click();
  URL.revokeObjectURL(href);
}).catch(failed);

/** stream is the events of a search after one of them; it connects again by itself. handlers: one for each event, and connected(ok). */
export function stream({ connected, ...handlers }) {
  let source;
  let timer;
  let wait = 1000;

  function close() {
    clearTimeout(timer);
    source?.close();
  }

  function open(q, after) {
    close();
    const now = source = new EventSource(`api/stream?${params({ q, after })}`);
    now.onopen = () => { wait = 1000; connected(true); };
    now.onerror = () => {
      connected(false);
      // A browser tries again by itself, but not after an answer that is no stream.
      if (now.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(handlers.reset, wait);
      wait = Math.min(wait * 2, 15000);
    };
    for (const [type, handle] of Object.entries(handlers)) on(now, type, (e) => handle(JSON.parse(e.data)));
  }

  return { open, close };
}
