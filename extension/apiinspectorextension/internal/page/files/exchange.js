// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// One exchange: request beside response, before and after, and what each backend got.

import { $, h, fill, button, choice, copy, hasFocus, keycap, on, put, template, toast, when } from './dom.js';
import { backendName, bytes, millis, num, plural, short, span, statusClass, term } from './text.js';
import { call, download, exchangePath, get } from './api.js';
import { adjust } from './state.js';
import { collector, failed } from './states.js';
import { body } from './body.js';
import { badge, list, shorten } from './values.js';
import { dot, onlyTitle, pseudonym, routeOf, routeTerm, stateText, tags } from './rows.js';
import { vendor } from './vendor.js';

const modes = [['after', 'After'], ['before', 'Before'], ['diff', 'Diff']];

/** unchanged is a function that tells whether it is given the same as before. */
function unchanged() {
  let last;
  return (value) => {
    const was = last;
    last = JSON.stringify(value);
    return value !== undefined && was === last;
  };
}

/** exchange is the one that is open; facet adds a term to the search, pinned is told of a row that changed. */
export function exchange({ close, facet, pinned }) {
  const el = $('#exchange');
  const titleLine = $('.title', el);
  const chips = $('.chips', el);
  const acts = $('.acts', el);
  const tabs = $('.tabs', el);
  const panel = $('#panel');
  const shut = button('Close', close, { key: 'Esc', class: 'quiet shut' });
  let id;
  let data; // its Detail, as soon as that is there
  let want; // the part that is asked for
  let mode; // as asked for, and as it can be shown
  let shown;
  let views = {}; // how bodies are shown, {request: 'raw'}
  let folds; // which parts of bodies are unfolded
  let outside; // it has fallen out of memory
  let readAt; // when it was read last
  let below; // it is to be brought into sight
  let ready = Promise.resolve();
  let done;
  let timer;
  let later;
  let place; // what is scrolled in the panel
  // What is the same is left as it is: it may have the focus, be scrolled, folded or selected.
  const sameData = unchanged();
  const sameHead = unchanged();
  const samePanel = unchanged();

  /** show opens an exchange, or shows another part of it. */
  function show(next, { t = '', m = 'after' }, row) {
    const other = next !== id;
    const same = t === want && m === mode;
    el.hidden = !next;
    id = next;
    want = t;
    mode = m;
    if (!other) {
      if (id && !same) draw();
      return;
    }
    data = null;
    sameData();
    outside = false;
    folds = {};
    clearTimeout(timer);
    done?.();
    if (!id) return;
    if (row) heading(row); else title(id);
    el.classList.add('loads');
    // Keys may run over many rows; what acts on one waits until it is there.
    ready = new Promise((resolve) => { done = resolve; });
    timer = setTimeout(() => load().then(done), 40);
  }

  async function load() {
    const asked = id;
    if (!id) return;
    readAt = Date.now();
    const got = await get(exchangePath(id)).catch((err) => err);
    if (asked !== id) return;
    el.classList.remove('loads');
    if (got instanceof Error) {
      if (got.status === 404) outside = true;
      else failed(got);
      if (!data) { lose(got); return; }
    } else {
      if (sameData(got)) return;
      data = got;
    }
    draw();
  }

  function title(text) {
    sameHead();
    fill(titleLine, h('h2', text), shut);
    fill(chips);
    acts.hidden = true;
  }

  /** lose takes away what was shown of another exchange. */
  function lose({ status, message }) {
    const gone = status === 404;
    title(gone ? 'No longer in memory' : 'Not read');
    samePanel();
    fill(tabs);
    const { ring } = collector || {};
    fill(panel, gone ? put(template('gone'), { id, keeps: Boolean(ring), most: num(ring?.max_exchanges), ttl: span(ring?.ttl) }) : h('p', message));
  }

  function heading(r) {
    if (sameHead([r.id, r.status, r.duration, r.consumer, r.route, r.pinned, r.new_fields, outside])) return;
    const chip = (label, t, { more = '', cls = '' } = {}) => h(`button.chip.${cls}`, { type: 'button', title: onlyTitle(t) + more, click: (e) => facet(t, e.shiftKey) }, label);
    const [trace, spanID] = r.id.split('-');
    const open = collector?.trace_url.replace('{trace}', encodeURIComponent(trace));
    fill(titleLine, h('h2', h('b', r.method), ' ', routeOf(r)), chip(r.status || 'no response', term('status', r.status || 'none'), { cls: statusClass(r.status) }), h('', span(r.duration)), tags(r), shut);
    fill(chips, r.route && chip(`route ${r.route}`, routeTerm(r)), r.service && chip(r.service, term('service', r.service)), chip(r.direction, term('dir', r.direction)),
      r.consumer ? chip([r.label && `${r.label} · `, pseudonym(r, r.consumer), r.pseudonym && ' (pseudonym)'], term('consumer', r.consumer)) : h('.quiet', 'anonymous'),
      chip(`trace ${short(trace)}…`, term('trace', trace), { more: `. trace ${trace}, span ${spanID}` }), when(r.time, millis),
      outside && h('.tag.warn', { title: 'It has fallen out of the memory of the Collector; this page still has it' }, 'outside the window'));
    put(acts, { pin: r.pinned ? 'Unpin' : 'Pin', open: /^https?:\/\//.test(open) && h('a.button', { href: open, target: '_blank', rel: 'noreferrer noopener' }, 'Open trace') });
    acts.hidden = false;
  }

  /** chosen is the backend that is asked for, if one is. */
  const chosen = () => data.vendors.find((v) => v.component === want);

  /** draw shows what there is: the tabs, and the part that is asked for. */
  function draw() {
    if (!data) return;
    const d = data;
    heading(d);
    shown = d.has_before ? mode : 'after';
    const all = [['', 'Exchange'], ...d.vendors.map((v, i) => [v.component, backendName(v.component), v.state, i + 1]), ['decisions', `Decisions ${d.decisions.length}`], ['attributes', 'Attributes']];
    if (!all.some(([t]) => t === want)) want = '';
    const focused = hasFocus(tabs);
    fill(tabs, all.map(([t, label, state, key]) => h('button', { type: 'button', role: 'tab', id: `tab-${t}`, 'aria-controls': 'panel', 'aria-selected': String(t === want), tabindex: t === want ? null : '-1',
      click: () => adjust({ t }) }, state && dot(state), label, state && h('small', ` ${stateText(state)}`), key && keycap(key))));
    if (focused) $('[aria-selected=true]', tabs).focus();
    panel.setAttribute('aria-labelledby', `tab-${want}`);
    const v = chosen();
    if (samePanel([id, want, mode, views, v || { ...d, vendors: 0, backends: 0, pinned: 0 }])) return;
    const { scrollTop } = panel;
    const same = place === id + want;
    place = id + want;
    fill(panel, v ? vendor(v) : want === 'decisions' ? decisions() : [mods(), want === 'attributes' ? attributes() : h('div.sides', side('Request'), side('Response'))]);
    panel.scrollTop = same ? scrollTop : 0;
    if (below) el.scrollIntoView({ block: 'start' });
    below = false;
  }

  function mods() {
    const off = !data.has_before && 'No redaction in this pipeline told what was before';
    return h('div.mods', choice('Show', modes.map(([m, label]) => [m, label, m !== 'after' && off]), shown, (m) => adjust({ m: m === 'after' ? '' : m })),
      h('.quiet', off || `${plural(data.redacted, 'value')} redacted · policy ${short(data.policy)}`, !off && !data.raw && shown !== 'after' && ' · values from before are not kept, only their type and length'));
  }

  const values = (name, some) => list(name, some, shown, data.policy);

  function side(name) {
    const which = name.toLowerCase();
    const m = data[which];
    const asks = which === 'request';
    return h('section.side', { 'aria-label': name }, h('h3', name, ' ', h('.quiet', bytes(asks ? data.bytes_in : data.bytes_out))), h('p.start', shorten(m.start)),
      values('Query', m.query), values('Headers', m.headers),
      body(m.body, { mode: shown, view: views[which] || 'tree', policy: data.policy, folds: folds[which] ||= new Map(), missing: asks || data.status ? 'Not captured.' : 'No response was seen.',
        pick(view) { views = { ...views, [which]: view }; draw(); } }),
      asks && [values('Who called', data.identity), values('Metadata', data.metadata)]);
  }

  function decisions() {
    const { decisions: some, has_before: has, policy } = data;
    if (!some.length) return h('p.quiet', has ? 'The policy left every value of this exchange as it was.' : 'No redaction in this pipeline.');
    return put(template('decisions'), {
      policy: policy || 'none',
      rows: some.map((x) => h('tr', [x.action, x.place, h('code', x.path), h('code', x.rule), badge({ decision: x.outcome }), num(x.n), x.component].map((c) => h('td', c)))),
    });
  }

  const attributes = () => put(template('attributes'), { ...data, lists: [values('Other attributes', data.other), values('Events', data.events), values('Resource', data.resource)] });

  /** act does what a button or its key does, with an exchange. */
  async function act(key, of = id, row = data) {
    const path = exchangePath(of);
    const text = async (suffix) => (await call(path + suffix)).text();
    if (key === 'c') copy('curl', text('.curl'));
    else if (key === 'y') copy('Raw HTTP', text('.http'));
    else if (key === 'j') copy('JSON', JSON.stringify(data, null, 2));
    else if (key === 'h') download(`${path}.har`);
    else if (key === 't') download(`${path}.fixture.json`);
    else {
      try {
        const now = await (await call(`${path}/pin`, { method: row?.pinned ? 'DELETE' : 'POST' })).json();
        pinned(now);
        toast(now.pinned ? 'Pinned: it stays in memory' : 'Unpinned');
        if (data?.id === of) { data.pinned = now.pinned; heading(data); }
      } catch (err) {
        failed(err);
      }
    }
  }

  on(acts, 'click', (e) => {
    const { act: key } = e.target.closest('[data-act]')?.dataset || {};
    if (key) act(key);
  });
  on(tabs, 'keydown', (e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    const all = [...tabs.children];
    all.at((all.findIndex((t) => t.ariaSelected === 'true') + by) % all.length).click();
    $('[aria-selected=true]', tabs).focus();
    e.preventDefault();
  });

  return {
    show,
    ready: () => ready,

    /** reveal brings it into sight where it stands below the list. */
    reveal() { below = matchMedia('(max-width: 1099px)').matches; },

    /** changed is told that the row of an exchange changed: then it is read again, not at once and not often. */
    changed(row) {
      if (row.id !== id) return;
      clearTimeout(later);
      later = setTimeout(load, 400);
    },

    /** check finds out now and then whether it is still in memory. */
    check() {
      if (data && !outside && Date.now() - readAt > 5000) load();
    },

    /** key acts on a key, for an exchange that is open or only selected. */
    key(key, of, row) {
      if ('cyhtp'.includes(key)) { act(key, of, row); return; }
      const { vendors = [], has_before: has } = data || {};
      if (key === 'b' && has) {
        const [next] = modes[(modes.findIndex(([m]) => m === mode) + 1) % modes.length];
        adjust({ m: next === 'after' ? '' : next, t: chosen() ? '' : want });
      }
      if (key === '0') adjust({ t: '' });
      if (vendors[key - 1]) adjust({ t: vendors[key - 1].component });
    },
  };
}
