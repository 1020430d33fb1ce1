// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Rules: what each did, which did nothing, and what another policy would do.

import { $, h, fill, button, copy, when } from './dom.js';
import { num, plural, short } from './text.js';
import { call } from './api.js';
import { link } from './state.js';
import { Grid, column, number } from './grid.js';
import { list } from './values.js';
import { View } from './view.js';

const counts = (all) => all.map((c) => `${c.name} ${num(c.n)}`);

const columns = [
  column('rule', 'rule', (r) => r.rule, (r) => (r.rule ? h('code', r.rule) : h('i', { title: 'What cannot be read under a rule does not leave as it is' }, 'no rule: could not be read'))),
  number('hits', 'hits', (r) => r.hits, (n) => (n ? num(n) : h('span.tag.warn', 'never'))),
  column('actions', 'actions', (r) => counts(r.actions).join(', ') || '–'),
  column('places', 'where', (r) => counts(r.places).join(), (r) => h('ul.short', r.places.slice(0, 3).map((c) => h('li', h('code', c.name), ` ${num(c.n)}`)),
    r.places.length > 3 && h('li', { title: counts(r.places.slice(3)).join('\n') }, `and ${plural(r.places.length - 3, 'place')} more`))),
  column('component', 'component', (r) => `${r.component} ${r.policy}`, (r) => [r.component, h('i.after', short(r.policy))]),
  column('last', 'last hit', (r) => Date.parse(r.last) || 0, (r) => (r.last ? when(r.last) : '–'), { n: true }),
  column('example', 'example', (r) => r.example || '', (r) => r.example && h('a', { href: link('x', r.example), 'aria-label': `An exchange that ${r.rule} changed` }, 'show')),
];

export class Rules extends View {
  constructor(app) {
    super(app, 'Rules');
    this.grid = new Grid({ label: 'rules', columns, id: (r) => `${r.component} ${r.rule}`, sort: '-hits', none: 'No redaction tells of its rules here.' });
    this.top = h('div.bar');
    this.sandbox = new Sandbox(app);
    this.el.append(h('div.stack', this.top, this.grid.el, this.sandbox.el));
  }

  draw({ rows }) {
    const never = rows.filter((r) => !r.hits).length;
    const { redactors } = this.app.known || { redactors: [] };
    fill(this.top, this.grid.filter, h('p.total', h('b', plural(rows.length, 'rule')), never > 0 && ` · ${num(never)} never hit in this window`,
      redactors.map((r) => ` · ${r.component}: policy ${short(r.policy)}${r.dry_run ? ' (dry run)' : ''}`)));
    this.grid.set(rows);
    this.sandbox.offer(redactors.filter((r) => r.text));
  }
}

/** Sandbox runs a policy over what is in memory. Nothing is written anywhere. */
class Sandbox {
  constructor() {
    this.el = $('#sandbox').content.cloneNode(true).firstElementChild;
    this.text = $('textarea', this.el);
    this.query = $('input', this.el);
    this.go = $('.main', this.el);
    this.out = $('.result', this.el);
    this.go.addEventListener('click', () => this.run());
    $('.copies', this.el).addEventListener('click', () => copy('Policy', this.text.value));
    this.text.addEventListener('keydown', (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) this.run(); });
  }

  /** offer is a button for each policy that is in use; the first stands there at once. */
  offer(policies) {
    const take = (r) => { this.text.value = r.text; this.touched = true; };
    fill($('.offers', this.el), policies.map((r) => button(`Take that of ${r.component}`, () => { take(r); this.text.focus(); })));
    if (!this.touched && !this.text.value && policies.length) take(policies[0]);
  }

  async run() {
    this.go.disabled = true;
    fill(this.out, h('p.quiet', 'Running…'));
    try {
      const res = await call('sandbox', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ policy: this.text.value, query: this.query.value }) });
      this.show(await res.json());
    } catch (err) {
      fill(this.out, h('p.problem', err.message));
    } finally {
      this.go.disabled = false;
    }
  }

  problem(p, level) {
    return h('div', { class: `notice ${level}` }, p.line > 0 ? button(`line ${p.line}`, () => this.line(p.line), { class: 'link', title: 'Show the line' }) : h('b', level),
      h('div', h('p', p.text), p.remedy && h('p.quiet', p.remedy)));
  }

  line(n) {
    const { text } = this;
    const lines = text.value.split('\n');
    const from = lines.slice(0, n - 1).join('\n').length + (n > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(from, from + (lines[n - 1] || '').length);
    text.scrollTop = (n - 6) * parseFloat(getComputedStyle(text).lineHeight);
  }

  show({ problems, warnings, looked, changed, stopped, raw, rows, rules, policy }) {
    if (problems.length) {
      fill(this.out, h('p', h('b', 'This policy would not start.')), problems.map((p) => this.problem(p, 'error')));
      return;
    }
    const never = rules.filter((x) => !x.hits);
    fill(this.out, warnings.map((p) => this.problem(p, 'warning')),
      h('p', h('b', `${changed ? num(changed) : 'None'} of ${plural(looked, 'exchange')} would look otherwise`), h('span.quiet', ` · policy ${short(policy)}`, stopped && ' · stopped after 2 s, the rest was not looked at')),
      !raw && h('p.quiet', 'It ran over what the present policy has left: what that hides, no other policy can show (show_raw: false).'),
      rows.map((d, i) => h('details', { open: i < 5 }, h('summary', d.summary, h('span.quiet', ` ${plural(d.values.length, 'value')} `), h('a', { href: link('x', d.id) }, 'show')), list('Now and then', d.values, 'diff', policy))),
      never.length > 0 && h('p.quiet', 'Never hit: ', never.map((x, i) => [i > 0 && ', ', h('code', x.rule)])));
  }
}
