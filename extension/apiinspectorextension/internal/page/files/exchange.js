// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// One exchange: request beside response, before and after, and what each backend got.

import { h, fill, button, choice, copy, plain, toast } from './dom.js';
import { bytes, exact, millis, span, statusClass, term, plural } from './text.js';
import { call, download, get, text } from './api.js';
import { adjust, read } from './state.js';
import { body } from './body.js';
import { badge, columns, table } from './values.js';
import { dot, routeOf, routeTerm, stateText } from './rows.js';
import { vendor } from './vendor.js';

const modes = [['after', 'After'], ['before', 'Before'], ['diff', 'Diff']];

export class Exchange {
  constructor(app, { close, find, pinned }) {
    this.app = app;
    this.find = find;
    this.pinned = pinned;
    this.views = {}; // how bodies are shown: {request: 'raw'}
    this.head = h('header', { class: 'head' });
    this.tabs = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Parts of the exchange' });
    this.panel = h('div', { class: 'panel', role: 'tabpanel', tabindex: '0' });
    this.shut = button('Close', close, { key: 'Esc', cls: 'quiet shut' });
    this.el = h('article', { class: 'exchange', hidden: true, 'aria-label': 'Exchange' }, this.head, this.tabs, this.panel);
    this.tabs.addEventListener('keydown', (e) => this.arrows(e));
  }

  /** show opens an exchange, or shows another part of it. */
  show(id, p, row) {
    this.el.hidden = !id;
    if (id !== this.id) {
      this.id = id;
      this.data = null;
      this.seen = '';
      this.outside = false;
      this.folds = {};
      clearTimeout(this.timer);
      this.done?.();
      if (!id) return;
      this.want = p.t || '';
      this.mode = p.m || 'after';
      if (row) this.heading(row); else this.plainHead(id);
      this.el.classList.add('loads');
      // Keys may run over many rows; what acts on one waits until it is there.
      this.ready = new Promise((done) => { this.done = done; });
      this.timer = setTimeout(() => this.load().then(this.done), 40);
      return;
    }
    if (id && (this.want !== (p.t || '') || this.mode !== (p.m || 'after'))) {
      this.want = p.t || '';
      this.mode = p.m || 'after';
      this.draw();
    }
  }

  /** reveal brings it into sight where it stands below the list. */
  reveal() {
    this.below = matchMedia('(max-width: 1099px)').matches;
  }

  /** changed is told that the row of an exchange changed: then it is read again, not at once and not often. */
  changed(row) {
    if (row.id !== this.id || this.app.frozen) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 400);
  }

  /** check finds out now and then whether it is still in memory. */
  check() {
    if (this.data && !this.outside && Date.now() - this.read > 5000) this.load();
  }

  async load() {
    const { id } = this;
    if (!id) return;
    this.read = Date.now();
    try {
      const data = await get(`exchanges/${encodeURIComponent(id)}`);
      if (id !== this.id) return;
      const seen = JSON.stringify(data);
      this.el.classList.remove('loads');
      if (seen === this.seen) return;
      this.seen = seen;
      this.data = data;
      this.outside = data.outside;
    } catch (err) {
      if (id !== this.id) return;
      this.el.classList.remove('loads');
      if (err.status !== 404) { this.app.failed(err); return; }
      if (!this.data) { this.lost(); return; }
      this.outside = true;
    }
    this.draw();
  }

  plainHead(text) {
    this.headed = '';
    fill(this.head, h('div', { class: 'title' }, h('h2', {}, text), this.shut));
  }

  lost() {
    const { ring } = this.app.known || {};
    this.plainHead('No longer in memory');
    fill(this.tabs);
    fill(this.panel, h('p', {}, `Exchange ${this.id} is not in memory. `, ring ? `The page keeps the newest ${ring.max_exchanges} for ${span(ring.ttl)}; what is pinned stays longer.` : ''));
  }

  heading(r) {
    const chip = (label, t, title) => t && h('button', { type: 'button', class: 'chip', title: `Only ${plain(t)} (with Shift: without)${title ? `. ${title}` : ''}`,
      on: { click: (e) => this.find(t, e.shiftKey) } }, label);
    const [trace, spanID] = r.id.split('-');
    const same = JSON.stringify([r.id, r.status, r.duration, r.consumer, r.route, r.pinned, this.outside, Boolean(this.data)]);
    if (same === this.headed) return; // a button in it may have the focus
    this.headed = same;
    const open = this.app.known?.trace_url?.replace('{trace}', encodeURIComponent(trace));
    fill(this.head,
      h('div', { class: 'title' },
        h('h2', {}, h('b', {}, r.method), ' ', routeOf(r)),
        this.status(r),
        h('span', { class: 'dur' }, span(r.duration)), this.shut),
      h('div', { class: 'chips' }, r.route && chip(`route ${r.route}`, routeTerm(r)), chip(r.service, r.service && term('service', r.service)), chip(r.direction, term('dir', r.direction)),
        r.consumer ? chip(`${r.label ? `${r.label} · ` : ''}${r.consumer}${r.pseudonym ? ' (pseudonym)' : ''}`, term('consumer', r.consumer)) : h('span', { class: 'quiet' }, 'anonymous'),
        chip(`trace ${trace.slice(0, 8)}…`, term('trace', trace), `trace ${trace}, span ${spanID}`),
        h('time', { class: 'quiet', datetime: r.time, title: exact(r.time) }, millis(r.time)),
        this.outside && h('span', { class: 'tag warn', title: 'It has fallen out of the memory of the Collector; this page still has it' }, 'outside the window')),
      h('div', { class: 'acts' },
        button('Copy curl', () => this.act('c'), { key: 'c' }), button('Copy raw HTTP', () => this.act('y'), { key: 'y' }),
        button('Copy JSON', () => copy('JSON', JSON.stringify(this.data, null, 2)), {}), button('HAR', () => this.act('h'), { key: 'h' }),
        button('Make a test', () => this.act('t'), { key: 't', title: 'A fixture for apispan redact test' }),
        button(r.pinned ? 'Unpin' : 'Pin', () => this.act('p'), { key: 'p', title: 'A pinned exchange stays in memory' }),
        /^https?:\/\//.test(open) && h('a', { class: 'button', href: open, target: '_blank', rel: 'noreferrer noopener' }, 'Open trace')));
  }

  status(r) {
    return h('button', { type: 'button', class: `chip status ${statusClass(r.status)}`, title: `Only status:${r.status || 'none'} (with Shift: without)`,
      on: { click: (e) => this.find(term('status', r.status || 'none'), e.shiftKey) } }, r.status || 'no response');
  }

  draw() {
    const d = this.data;
    if (!d) return;
    this.heading(d);
    this.shown = d.has_before ? this.mode : 'after';
    const list = [['', 'Exchange', null], ...d.vendors.map((v, i) => [v.component, v.component.replace(/^api_analytics\//, ''), v.state, String(i + 1)]),
      ['decisions', `Decisions ${d.decisions.length}`, null], ['attributes', 'Attributes', null]];
    if (!list.some(([id]) => id === this.want)) this.want = '';
    const focused = this.tabs.contains(document.activeElement);
    fill(this.tabs, list.map(([id, label, state, key]) => h('button', { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-selected': String(id === this.want),
      'aria-controls': 'panel', tabindex: id === this.want ? null : '-1', on: { click: () => this.tab(id) } },
    state && dot(state), label, state && h('small', {}, ` ${stateText(state)}`), key && h('kbd', { 'aria-hidden': 'true' }, key))));
    if (focused) this.tabs.querySelector('[aria-selected=true]').focus();
    this.panel.id = 'panel';
    this.panel.setAttribute('aria-labelledby', `tab-${this.want}`);
    const v = d.vendors.find((x) => x.component === this.want);
    // What did not change is left as it is: it may be scrolled, folded or selected.
    const what = JSON.stringify([this.id, this.want, this.mode, this.views, v || { ...d, vendors: 0, backends: 0, pinned: 0, outside: 0 }]);
    if (what === this.drawn) return;
    const { scrollTop } = this.panel;
    const same = this.at === this.id + this.want;
    this.drawn = what;
    this.at = this.id + this.want;
    if (v) fill(this.panel, vendor(v));
    else if (this.want === 'decisions') fill(this.panel, this.decisions(d));
    else if (this.want === 'attributes') fill(this.panel, this.mods(d), this.attributes(d));
    else fill(this.panel, this.mods(d), h('div', { class: 'sides' }, this.side('Request', 'request', d), this.side('Response', 'response', d)));
    this.panel.scrollTop = same ? scrollTop : 0;
    if (this.below) this.el.scrollIntoView({ block: 'start' });
    this.below = false;
  }

  tab(id) { adjust({ t: id }); }

  mods(d) {
    const off = d.has_before ? '' : 'No redaction in this pipeline told what was before';
    const n = d.decisions.reduce((sum, x) => sum + (x.n || 1), 0);
    return h('div', { class: 'mods' },
      choice('Show', modes.map(([id, label]) => [id, label, id !== 'after' && off]), this.shown, (m) => adjust({ m: m === 'after' ? '' : m })),
      h('span', { class: 'quiet' }, d.has_before ? `${plural(n, 'decision')} · policy ${(d.policy || 'none').slice(0, 8)}` : off,
        d.has_before && !d.raw && this.shown !== 'after' ? ' · values from before are not kept, only their type and length' : ''));
  }

  side(title, which, d) {
    const m = d[which];
    const noBody = which === 'response' && !d.status ? 'No response was seen.' : 'Not captured.';
    return h('section', { class: 'side', 'aria-label': title },
      h('h3', {}, title, ' ', h('span', { class: 'quiet' }, bytes(which === 'request' ? d.bytes_in : d.bytes_out))), h('p', { class: 'start' }, m.start || '–'),
      table('Query', m.query, this.shown, d.policy), table('Headers', m.headers, this.shown, d.policy),
      body(m.body, { mode: this.shown, view: this.views[which] || 'tree', policy: d.policy, captured: noBody, folds: this.folds[which] ||= new Map(),
        pick: (view) => { this.views = { ...this.views, [which]: view }; this.draw(); } }),
      which === 'request' && [table('Who called', d.identity, this.shown, d.policy), table('Metadata', d.metadata, this.shown, d.policy)]);
  }

  decisions(d) {
    if (!d.decisions.length) return h('p', { class: 'quiet' }, d.has_before ? 'The policy left every value of this exchange as it was.' : 'No redaction in this pipeline.');
    return h('div', { class: 'wide' }, h('table', { class: 'plain' }, h('caption', {}, `What the redaction did · policy ${d.policy || 'none'}`),
      h('thead', {}, h('tr', {}, ['action', 'place', 'path', 'rule', 'outcome', 'times', 'component'].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, d.decisions.map((x) => h('tr', {}, h('td', {}, x.action), h('td', {}, x.place), h('td', { class: 'mono' }, x.path), h('td', { class: 'mono' }, x.rule),
        h('td', {}, badge({ decision: x.outcome })), h('td', { class: 'n' }, x.n), h('td', {}, x.component))))));
  }

  attributes(d) {
    const facts = [['Trace', d.trace], ['Span', d.span], ['Span name', d.span_name], ['Event id', d.event_id], ['URL', d.url], ['Protocol', d.protocol], ['Environment', d.environment]].filter(([, v]) => v);
    return [h('table', { class: 'values' }, h('caption', {}, 'Exchange'), columns(), h('tbody', {}, facts.map(([k, v]) => h('tr', {}, h('th', { scope: 'row' }, k), h('td', {}, v))))),
      table('Other attributes', d.other, this.shown, d.policy), table('Events', d.events, this.shown, d.policy), table('Resource', d.resource, this.shown, d.policy)];
  }

  arrows(e) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    const all = [...this.tabs.children];
    const i = all.findIndex((t) => t.getAttribute('aria-selected') === 'true');
    all[(i + by + all.length) % all.length].click();
    this.tabs.querySelector('[aria-selected=true]')?.focus();
    e.preventDefault();
  }

  /** act does what a button or its key does, with an exchange. */
  async act(key, id = this.id, row = this.data) {
    const path = `exchanges/${encodeURIComponent(id)}`;
    if (key === 'c') return copy('curl', text(`${path}.curl`));
    if (key === 'y') return copy('Raw HTTP', text(`${path}.http`));
    if (key === 'h') return download(`${path}.har`);
    if (key === 't') return download(`${path}.fixture.json`);
    try {
      const now = await (await call(`${path}/pin`, { method: row?.pinned ? 'DELETE' : 'POST' })).json();
      this.pinned(now);
      toast(now.pinned ? 'Pinned: it stays in memory' : 'Unpinned');
      if (this.data?.id === id) { this.data.pinned = now.pinned; this.heading(this.data); }
    } catch (err) {
      this.app.failed(err);
    }
    return null;
  }

  /** key acts on a key, for an exchange that is open or only selected. */
  key(key, id, row) {
    if ('cyhtp'.includes(key)) { this.act(key, id, row); return; }
    if (key === 'b' && this.data?.has_before) {
      const i = modes.findIndex(([id]) => id === this.mode);
      const next = modes[(i + 1) % modes.length][0];
      adjust({ m: next === 'after' ? '' : next, t: this.data.vendors.some((v) => v.component === read().p.t) ? '' : read().p.t });
    }
    if (key === '0') this.tab('');
    const v = /^[1-9]$/.test(key) && this.data?.vendors[key - 1];
    if (v) this.tab(v.component);
  }
}
