// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Rules: what each did, which did nothing, and what another policy would do.

import { $, h, fill, button, copy, on, put } from './dom.js';
import { num, plural, short } from './text.js';
import { call } from './api.js';
import { link } from './state.js';
import { grid } from './grid.js';
import { list } from './values.js';
import { collector } from './states.js';
import { view } from './view.js';

const counts = (all) => all.map((c) => `${c.name} ${num(c.n)}`);

const cells = {
  rule: (r) => (r.rule ? h('code', r.rule) : h('i', { title: 'What cannot be read under a rule does not leave as it is' }, 'no rule: could not be read')),
  hits: (r) => (r.hits ? num(r.hits) : h('.tag.warn', 'never')),
  actions: [(r) => counts(r.actions).join(', '), (r) => counts(r.actions).join(', ') || '–'],
  places: [(r) => String(counts(r.places)), (r) => h('ul.short', r.places.slice(0, 3).map((c) => h('li', h('code', c.name), ` ${num(c.n)}`)),
    r.places.length > 3 && h('li', { title: counts(r.places.slice(3)).join('\n') }, `and ${plural(r.places.length - 3, 'place')} more`))],
  component: [(r) => `${r.component} ${r.policy}`, (r) => [r.component, h('i.after', short(r.policy))]],
  example: (r) => r.example && h('a', { href: link('x', r.example), 'aria-label': `An exchange that ${r.rule} changed` }, 'show'),
};

export const rules = () => view('rules', (el) => {
  const all = grid(el, { cells, id: (r) => `${r.component} ${r.rule}`, sort: '-hits' });
  const offer = sandbox(el);

  return {
    grid: all,
    draw({ rows }) {
      const never = rows.filter((r) => !r.hits).length;
      const { redactors } = collector || { redactors: [] };
      put($('.bar', el), { total: [h('b', plural(rows.length, 'rule')), never > 0 && ` · ${num(never)} never hit in this window`,
        redactors.map((r) => ` · ${r.component}: policy ${short(r.policy)}${r.dry_run ? ' (dry run)' : ''}`)] });
      all.set(rows);
      offer(redactors.filter((r) => r.text));
    },
  };
});

/** sandbox runs a policy over what is in memory. Nothing is written anywhere. It is a function that takes the policies in use. */
function sandbox(el) {
  const text = $('textarea', el);
  const start = $('.main', el);
  const out = $('.result', el);
  let touched = false;

  /** offer is a button for each policy that is in use; the first stands there at once. */
  function offer(policies) {
    const take = (r) => { text.value = r.text; touched = true; };
    fill($('.offers', el), policies.map((r) => button(`Take that of ${r.component}`, () => { take(r); text.focus(); })));
    if (!touched && !text.value && policies.length) take(policies[0]);
  }

  async function run() {
    start.disabled = true;
    put(out, { running: true });
    try {
      const res = await call('sandbox', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ policy: text.value, query: $('.query', el).value }) });
      show(await res.json());
    } catch (err) {
      put(out, { failed: err.message });
    } finally {
      start.disabled = false;
    }
  }

  const problem = (p, level) => h(`div.notice.${level}`, p.line > 0 ? button(`line ${p.line}`, () => select(p.line), { class: 'link', title: 'Show the line' }) : h('b', level),
    h('div', h('p', p.text), p.remedy && h('p.quiet', p.remedy)));

  /** select shows a line of the policy. */
  function select(n) {
    const lines = text.value.split('\n');
    const from = lines.slice(0, n - 1).join('\n').length + (n > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(from, from + (lines[n - 1] || '').length);
    text.scrollTop = (n - 6) * parseFloat(getComputedStyle(text).lineHeight);
  }

  function show({ problems, warnings, looked, changed: other, stopped, raw, rows, rules: tried, policy }) {
    const refused = problems.length > 0;
    const never = tried.filter((x) => !x.hits);
    put(out, {
      refused, problems: [problems.map((p) => problem(p, 'error')), warnings.map((p) => problem(p, 'warning'))],
      ran: !refused, found: `${other ? num(other) : 'None'} of ${plural(looked, 'exchange')}`, policy: short(policy), stopped, bare: !refused && !raw,
      changes: rows.map((d, i) => h('details', { open: i < 5 }, h('summary', d.summary, h('.quiet', ` ${plural(d.values.length, 'value')} `), h('a', { href: link('x', d.id) }, 'show')), list('Now and then', d.values, 'diff', policy))),
      never: never.length > 0, unused: never.map((x, i) => [i > 0 && ', ', h('code', x.rule)]),
    });
  }

  on(start, 'click', run);
  on($('.copies', el), 'click', () => copy('Policy', text.value));
  on(text, 'keydown', (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) run(); });
  return offer;
}
