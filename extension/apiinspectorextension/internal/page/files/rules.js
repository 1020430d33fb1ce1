// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Rules: what each did, which did nothing, and what another policy would do.

import { h, fill, button, copy } from './dom.js';
import { ago, exact, num, plural } from './text.js';
import { call, params } from './api.js';
import { link, read } from './state.js';
import { Grid } from './grid.js';
import { table } from './values.js';
import { View } from './view.js';

const counts = (list) => (list || []).map((c) => `${c.name} ${num(c.n)}`);

const columns = [
  { id: 'rule', label: 'rule', val: (r) => r.rule, cell: (r) => h('code', {}, r.rule) },
  { id: 'hits', label: 'hits', n: true, val: (r) => r.hits, cell: (r) => (r.hits ? num(r.hits) : h('span', { class: 'tag warn' }, 'never')) },
  { id: 'actions', label: 'actions', val: (r) => counts(r.actions).join(), cell: (r) => counts(r.actions).join(', ') || '–' },
  { id: 'places', label: 'where', val: (r) => counts(r.places).join(), cell: (r) => h('ul', { class: 'short' }, (r.places || []).slice(0, 3).map((c) => h('li', {}, h('code', {}, c.name), ` ${num(c.n)}`)),
    r.places?.length > 3 && h('li', { title: counts(r.places.slice(3)).join('\n') }, `and ${plural(r.places.length - 3, 'place')} more`)) },
  { id: 'component', label: 'component', val: (r) => `${r.component} ${r.policy}`, cell: (r) => [r.component, h('i', { class: 'after' }, (r.policy || '').slice(0, 8))] },
  { id: 'last', label: 'last hit', n: true, val: (r) => Date.parse(r.last) || 0, cell: (r) => (r.last ? h('time', { datetime: r.last, title: exact(r.last) }, ago(r.last)) : '–') },
  { id: 'example', label: 'example', val: (r) => r.example || '', cell: (r) => r.example && h('a', { href: link('x', r.example, {}), 'aria-label': `An exchange that ${r.rule} changed` }, 'show') },
];

export class Rules extends View {
  constructor(app) {
    super(app, 'Rules');
    this.grid = new Grid({ label: 'rules', columns, id: (r) => `${r.component} ${r.rule}`, sort: '-hits', none: 'No redaction tells of its rules here.' });
    this.top = h('div', { class: 'bar' });
    this.sandbox = new Sandbox(app);
    this.el.append(h('div', { class: 'stack' }, this.top, this.grid.el, this.sandbox.el));
  }

  path() { return `rules?${params({ window: read().p.w || '1h' })}`; }

  draw() {
    const never = this.data.rows.filter((r) => !r.hits).length;
    fill(this.top, this.grid.filter, h('p', { class: 'total' }, h('b', {}, plural(this.data.rows.length, 'rule')), never > 0 && ` · ${num(never)} never hit in this window`,
      (this.app.known?.redactors || []).map((r) => ` · ${r.component}: policy ${r.policy.slice(0, 8)}${r.dry_run ? ' (dry run)' : ''}`)));
    this.grid.set(this.data.rows);
    this.sandbox.offer();
  }
}

/** Sandbox runs a policy over what is in memory. Nothing is written anywhere. */
class Sandbox {
  constructor(app) {
    this.app = app;
    this.text = h('textarea', { class: 'mono', rows: 16, spellcheck: 'false', 'aria-label': 'Policy in YAML', placeholder: 'version: 1\nkeys:\n  deny: [loyalty_number]' });
    this.query = h('input', { type: 'text', 'aria-label': 'Which exchanges', placeholder: 'all exchanges, or a search such as route:/orders' });
    this.out = h('div', { class: 'result', role: 'status' });
    this.go = button('Run', () => this.run(), { cls: 'main', title: 'Ctrl-Enter' });
    this.load = h('span');
    this.el = h('section', { class: 'sandbox', 'aria-label': 'Sandbox' },
      h('header', {}, h('h2', {}, 'Sandbox'), h('p', { class: 'quiet' }, 'Try a policy on the exchanges in memory. It changes nothing.')),
      h('div', { class: 'two' },
        h('div', { class: 'edit' }, h('div', { class: 'bar' }, this.load, button('Copy policy', () => copy('Policy', this.text.value))), this.text,
          h('div', { class: 'bar' }, this.query, this.go)), this.out));
    this.text.addEventListener('keydown', (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) this.run(); });
  }

  /** offer is a button for each policy that is in use; the first stands there at once. */
  offer() {
    const list = (this.app.known?.redactors || []).filter((r) => r.text);
    fill(this.load, list.map((r) => button(`Take that of ${r.component}`, () => { this.text.value = r.text; this.touched = true; this.text.focus(); })));
    if (!this.touched && !this.text.value && list.length) { this.text.value = list[0].text; this.touched = true; }
  }

  async run() {
    this.go.disabled = true;
    fill(this.out, h('p', { class: 'quiet' }, 'Running…'));
    try {
      const res = await call('sandbox', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ policy: this.text.value, query: this.query.value }) });
      this.show(await res.json());
    } catch (err) {
      fill(this.out, h('p', { class: 'problem' }, err.message));
    } finally {
      this.go.disabled = false;
    }
  }

  problem(p, level) {
    return h('div', { class: `notice ${level}` }, p.line > 0 ? button(`line ${p.line}`, () => this.line(p.line), { cls: 'link', title: 'Show the line' }) : h('b', {}, level),
      h('div', {}, h('p', {}, p.text), p.remedy && h('p', { class: 'quiet' }, p.remedy)));
  }

  line(n) {
    const lines = this.text.value.split('\n');
    const from = lines.slice(0, n - 1).reduce((sum, l) => sum + l.length + 1, 0);
    this.text.focus();
    this.text.setSelectionRange(from, from + (lines[n - 1] || '').length);
    this.text.scrollTop = Math.max(0, (n - 6) * parseFloat(getComputedStyle(this.text).lineHeight));
  }

  show(r) {
    const problems = r.problems || [];
    if (problems.length) {
      fill(this.out, h('p', {}, h('b', {}, 'This policy would not start.')), problems.map((p) => this.problem(p, 'error')));
      return;
    }
    const never = (r.rules || []).filter((x) => !x.hits);
    fill(this.out, (r.warnings || []).map((p) => this.problem(p, 'warning')),
      h('p', {}, h('b', {}, r.changed ? `${num(r.changed)} of ${plural(r.looked, 'exchange')} would look otherwise` : `None of ${plural(r.looked, 'exchange')} would look otherwise`),
        h('span', { class: 'quiet' }, ` · policy ${(r.policy || '').slice(0, 8)}`, r.stopped && ' · stopped after 2 s, the rest was not looked at')),
      !r.raw && h('p', { class: 'quiet' }, 'It ran over what the present policy has left: what that hides, no other policy can show (show_raw: false).'),
      (r.rows || []).map((d, i) => h('details', { open: i < 5 }, h('summary', {}, d.summary, h('span', { class: 'quiet' }, ` ${plural(d.values.length, 'value')} `), h('a', { href: link('x', d.id, {}) }, 'show')),
        table('Now and then', d.values, 'diff', r.policy))),
      never.length > 0 && h('p', { class: 'quiet' }, 'Never hit: ', never.map((x, i) => [i > 0 && ', ', h('code', {}, x.rule)])));
  }
}
