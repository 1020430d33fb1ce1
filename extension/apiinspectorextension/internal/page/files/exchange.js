// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// One exchange: request beside response, before and after, and what each backend got.

import { $, h, fill, button, choice, copy, plain, table, toast, when } from './dom.js';
import { bytes, millis, num, plural, short, span, statusClass, term } from './text.js';
import { call, download, get } from './api.js';
import { adjust } from './state.js';
import { body } from './body.js';
import { badge, list, shorten } from './values.js';
import { dot, pseudonym, routeOf, routeTerm, stateText, tags } from './rows.js';
import { vendor } from './vendor.js';

const modes = [['after', 'After'], ['before', 'Before'], ['diff', 'Diff']];

export class Exchange {
  constructor(app, { close, find, pinned }) {
    Object.assign(this, { app, find, pinned, views: {} }); // views: how bodies are shown, {request: 'raw'}
    this.el = $('#exchange');
    this.head = $('.head', this.el);
    this.tabs = $('.tabs', this.el);
    this.panel = $('#panel');
    this.shut = button('Close', close, { key: 'Esc', class: 'quiet shut' });
    this.tabs.addEventListener('keydown', (e) => this.arrows(e));
  }

  /** show opens an exchange, or shows another part of it. */
  show(id, { t = '', m = 'after' }, row) {
    const other = id !== this.id;
    const same = t === this.want && m === this.mode;
    this.el.hidden = !id;
    Object.assign(this, { id, want: t, mode: m });
    if (!other) {
      if (id && !same) this.draw();
      return;
    }
    Object.assign(this, { data: null, seen: '', outside: false, folds: {} });
    clearTimeout(this.timer);
    this.done?.();
    if (!id) return;
    if (row) this.heading(row); else this.title(id);
    this.el.classList.add('loads');
    // Keys may run over many rows; what acts on one waits until it is there.
    this.ready = new Promise((done) => { this.done = done; });
    this.timer = setTimeout(() => this.load().then(this.done), 40);
  }

  /** reveal brings it into sight where it stands below the list. */
  reveal() { this.below = matchMedia('(max-width: 1099px)').matches; }

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
    const data = await get(`exchanges/${encodeURIComponent(id)}`).catch((err) => err);
    if (id !== this.id) return;
    this.el.classList.remove('loads');
    if (data instanceof Error) {
      if (data.status !== 404) this.app.failed(data);
      else this.outside = true;
      if (!this.data) { this.lost(data); return; }
    } else {
      const seen = JSON.stringify(data);
      if (seen === this.seen) return;
      Object.assign(this, { seen, data });
    }
    this.draw();
  }

  title(text) {
    this.headed = '';
    fill(this.head, h('div.title', h('h2', text), this.shut));
  }

  /** lost takes away what was shown of another exchange. */
  lost({ status, message }) {
    const { ring } = this.app.known || {};
    const gone = status === 404;
    this.title(gone ? 'No longer in memory' : 'Not read');
    this.drawn = '';
    fill(this.tabs);
    fill(this.panel, h('p', gone ? `Exchange ${this.id} is not in memory. ` : message, gone && ring && `The page keeps the newest ${num(ring.max_exchanges)} for ${span(ring.ttl)}; what is pinned stays longer.`));
  }

  heading(r) {
    const same = JSON.stringify([r.id, r.status, r.duration, r.consumer, r.route, r.pinned, r.new_fields, this.outside, Boolean(this.data)]);
    if (same === this.headed) return; // a button in it may have the focus
    this.headed = same;
    const chip = (label, t, more = '', cls = '') => h('button', { type: 'button', class: `chip ${cls}`, title: `Only ${plain(t)} (with Shift: without)${more}`, click: (e) => this.find(t, e.shiftKey) }, label);
    const [trace, spanID] = r.id.split('-');
    const open = this.app.known?.trace_url.replace('{trace}', encodeURIComponent(trace));
    const act = (label, key, title) => button(label, () => this.act(key), { key, title });
    fill(this.head,
      h('div.title', h('h2', h('b', r.method), ' ', routeOf(r)), chip(r.status || 'no response', term('status', r.status || 'none'), '', statusClass(r.status)), h('span', span(r.duration)), tags(r), this.shut),
      h('div.chips', r.route && chip(`route ${r.route}`, routeTerm(r)), r.service && chip(r.service, term('service', r.service)), chip(r.direction, term('dir', r.direction)),
        r.consumer ? chip([r.label && `${r.label} · `, pseudonym(r, r.consumer), r.pseudonym && ' (pseudonym)'], term('consumer', r.consumer)) : h('span.quiet', 'anonymous'),
        chip(`trace ${short(trace)}…`, term('trace', trace), `. trace ${trace}, span ${spanID}`), when(r.time, millis),
        this.outside && h('span.tag.warn', { title: 'It has fallen out of the memory of the Collector; this page still has it' }, 'outside the window')),
      h('div.acts', act('Copy curl', 'c'), act('Copy raw HTTP', 'y'), button('Copy JSON', () => copy('JSON', JSON.stringify(this.data, null, 2))), act('HAR', 'h'),
        act('Make a test', 't', 'A fixture for apispan redact test'), act(r.pinned ? 'Unpin' : 'Pin', 'p', 'A pinned exchange stays in memory'),
        /^https?:\/\//.test(open) && h('a.button', { href: open, target: '_blank', rel: 'noreferrer noopener' }, 'Open trace')));
  }

  draw() {
    const d = this.data;
    if (!d) return;
    this.heading(d);
    this.shown = d.has_before ? this.mode : 'after';
    const tabs = [['', 'Exchange'], ...d.vendors.map((v, i) => [v.component, v.component.replace(/^api_analytics\//, ''), v.state, i + 1]), ['decisions', `Decisions ${d.decisions.length}`], ['attributes', 'Attributes']];
    if (!tabs.some(([id]) => id === this.want)) this.want = '';
    const focused = this.tabs.contains(document.activeElement);
    fill(this.tabs, tabs.map(([id, label, state, key]) => h('button', { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': 'panel', 'aria-selected': String(id === this.want), tabindex: id === this.want ? null : '-1',
      click: () => adjust({ t: id }) }, state && dot(state), label, state && h('small', ` ${stateText(state)}`), key && h('kbd', { 'aria-hidden': 'true' }, key))));
    if (focused) $('[aria-selected=true]', this.tabs).focus();
    this.panel.setAttribute('aria-labelledby', `tab-${this.want}`);
    const v = d.vendors.find((x) => x.component === this.want);
    // What did not change is left as it is: it may be scrolled, folded or selected.
    const what = JSON.stringify([this.id, this.want, this.mode, this.views, v || { ...d, vendors: 0, backends: 0, pinned: 0 }]);
    if (what === this.drawn) return;
    this.drawn = what;
    const { scrollTop } = this.panel;
    const same = this.at === this.id + this.want;
    this.at = this.id + this.want;
    fill(this.panel, v ? vendor(v) : this.want === 'decisions' ? this.decisions(d) : [this.mods(d), this.want === 'attributes' ? this.attributes(d) : h('div.sides', this.side('Request', d), this.side('Response', d))]);
    this.panel.scrollTop = same ? scrollTop : 0;
    if (this.below) this.el.scrollIntoView({ block: 'start' });
    this.below = false;
  }

  mods(d) {
    const off = !d.has_before && 'No redaction in this pipeline told what was before';
    return h('div.mods', choice('Show', modes.map(([id, label]) => [id, label, id !== 'after' && off]), this.shown, (m) => adjust({ m: m === 'after' ? '' : m })),
      h('span.quiet', off || `${plural(d.redacted, 'value')} redacted · policy ${short(d.policy)}`, !off && !d.raw && this.shown !== 'after' && ' · values from before are not kept, only their type and length'));
  }

  list(title, values) { return list(title, values, this.shown, this.data.policy); }

  side(title, d) {
    const which = title.toLowerCase();
    const m = d[which];
    const asks = which === 'request';
    return h('section.side', { 'aria-label': title }, h('h3', title, ' ', h('span.quiet', bytes(asks ? d.bytes_in : d.bytes_out))), h('p.start', shorten(m.start)),
      this.list('Query', m.query), this.list('Headers', m.headers),
      body(m.body, { mode: this.shown, view: this.views[which] || 'tree', policy: d.policy, folds: this.folds[which] ||= new Map(), missing: asks || d.status ? 'Not captured.' : 'No response was seen.',
        pick: (view) => { this.views = { ...this.views, [which]: view }; this.draw(); } }),
      asks && [this.list('Who called', d.identity), this.list('Metadata', d.metadata)]);
  }

  decisions(d) {
    if (!d.decisions.length) return h('p.quiet', d.has_before ? 'The policy left every value of this exchange as it was.' : 'No redaction in this pipeline.');
    return h('div.wide', h('table.plain', h('caption', `What the redaction did · policy ${d.policy || 'none'}`), h('thead', h('tr', ['action', 'place', 'path', 'rule', 'outcome', 'times', 'component'].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', d.decisions.map((x) => h('tr', [x.action, x.place, h('code', x.path), h('code', x.rule), badge({ decision: x.outcome }), num(x.n), x.component].map((c) => h('td', c)))))));
  }

  attributes(d) {
    const one = [['Trace', d.trace], ['Span', d.span], ['Span name', d.span_name], ['Event id', d.event_id], ['URL', d.url], ['Protocol', d.protocol], ['Environment', d.environment]];
    return [table('Exchange', one.filter(([, v]) => v), 'values'), this.list('Other attributes', d.other), this.list('Events', d.events), this.list('Resource', d.resource)];
  }

  arrows(e) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    const all = [...this.tabs.children];
    all.at((all.findIndex((t) => t.ariaSelected === 'true') + by) % all.length).click();
    $('[aria-selected=true]', this.tabs).focus();
    e.preventDefault();
  }

  /** act does what a button or its key does, with an exchange. */
  async act(key, id = this.id, row = this.data) {
    const path = `exchanges/${encodeURIComponent(id)}`;
    const text = async (suffix) => (await call(path + suffix)).text();
    if (key === 'c') copy('curl', text('.curl'));
    else if (key === 'y') copy('Raw HTTP', text('.http'));
    else if (key === 'h') download(`${path}.har`);
    else if (key === 't') download(`${path}.fixture.json`);
    else {
      try {
        const now = await (await call(`${path}/pin`, { method: row?.pinned ? 'DELETE' : 'POST' })).json();
        this.pinned(now);
        toast(now.pinned ? 'Pinned: it stays in memory' : 'Unpinned');
        if (this.data?.id === id) { this.data.pinned = now.pinned; this.heading(this.data); }
      } catch (err) {
        this.app.failed(err);
      }
    }
  }

  /** key acts on a key, for an exchange that is open or only selected. */
  key(key, id, row) {
    if ('cyhtp'.includes(key)) { this.act(key, id, row); return; }
    const vendors = this.data?.vendors || [];
    if (key === 'b' && this.data?.has_before) {
      const next = modes[(modes.findIndex(([m]) => m === this.mode) + 1) % modes.length][0];
      adjust({ m: next === 'after' ? '' : next, t: vendors.some((v) => v.component === this.want) ? '' : this.want });
    }
    if (key === '0') adjust({ t: '' });
    if (vendors[key - 1]) adjust({ t: vendors[key - 1].component });
  }
}
