// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The page: what stands around the views, and the keys.

import { $, fill, on } from './dom.js';
import { get } from './api.js';
import { adjust, go, link, watch } from './state.js';
import { collector, failed, isLost, setConnected, setStats, setStatus } from './states.js';
import { live } from './live.js';
import { consumers, endpoints } from './overview.js';
import { fields } from './fields.js';
import { rules } from './rules.js';
import { delivery } from './delivery.js';

const makers = { live, endpoints, consumers, fields, rules, delivery };
const letters = Object.fromEntries(Object.keys(makers).map((id) => [id[0], id])); // of g l, g e, …
const views = {};
const period = $('#window');
let current; // the view that is shown
let isFrozen = false;
let prefix; // g was pressed

function status(s) {
  const again = collector && collector.since !== s.since;
  setStatus(s);
  if (again) views.live.reload();
  views.live.draw();
}

const askStatus = () => get('status').then(status, failed);

const handlers = {
  status,
  stats(s) {
    setStats(s);
    if (views.live.isEmpty) views.live.draw();
  },
  connected(ok) {
    if (setConnected(ok)) askStatus();
  },
};

function viewOf(id) {
  if (!views[id]) $('#main').append((views[id] = makers[id](handlers)).el);
  return views[id];
}

function showView(state) {
  const { view: name, p } = state;
  const id = makers[name] ? name : 'live';
  current = viewOf(id);
  for (const v of Object.values(views)) v.el.hidden = v !== current;
  for (const a of document.querySelectorAll('nav a')) {
    a.href = link(a.dataset.view, '', { q: p.q, w: p.w });
    a.ariaCurrent = a.dataset.view === id ? 'page' : null;
  }
  document.title = `${name === 'x' ? 'Exchange' : current.el.ariaLabel} · apispan inspector`;
  period.value = p.w || '1h';
  period.hidden = id === 'live' || id === 'delivery';
  if (!views.live.started && id !== 'live') views.live.show({ p: { q: p.q } });
  current.show(state);
}

/** tick reads again what is looked at, but not the list: that has a stream. */
function tick() {
  if (!isFrozen && !document.hidden && !isLost() && !document.activeElement.closest('textarea')) current.refresh?.();
}

// What a button does (data-do) is here, or live has it.
const deeds = {
  help: () => $('#help').showModal(),
  freeze() {
    isFrozen = !isFrozen;
    const b = $('.freeze');
    b.ariaPressed = isFrozen;
    fill(b.firstChild, isFrozen ? 'Resume' : 'Freeze');
    views.live.freeze(isFrozen);
    tick();
  },
  search() {
    if (!current.input) go('live');
    current.input.focus();
    current.input.select();
  },
};

on(window, 'keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || $('dialog[open]')) return;
  if (e.target.closest('input, textarea, select')) {
    if (e.key === 'Escape') e.target.blur();
    return;
  }
  const chosen = prefix && letters[e.key];
  const deed = deeds[{ '?': 'help', '/': 'search', f: 'freeze' }[e.key]];
  prefix = clearTimeout(prefix);
  if (chosen) go(chosen);
  else if (e.key === 'g') prefix = setTimeout(() => { prefix = 0; }, 1500);
  else if (deed) deed();
  else if (!current.key(e)) return;
  e.preventDefault();
});
on(document, 'click', (e) => {
  const what = e.target.closest('[data-do]')?.dataset.do;
  if (what) (deeds[what] || views.live[what])();
});
on($('.skip'), 'click', (e) => { e.preventDefault(); $('#main').focus(); });
on(period, 'change', () => adjust({ w: period.value === '1h' ? '' : period.value }));
setInterval(tick, 5000);
viewOf('live');
watch(showView);
askStatus();
