// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The line of the search. It is read by the Collector, which tells what it understood.

import { h, fill, button } from './dom.js';
import { num, plural } from './text.js';

/** parts cuts a search into its terms, as far as the page must know them: at blanks outside quotes. */
const parts = (q) => q.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) || [];

/** withTerm is a search with one term more; the same term is not there twice, nor is its opposite. */
export function withTerm(q, term, negate) {
  const add = negate ? `-${term}` : term;
  const other = negate ? term : `-${term}`;
  return [...parts(q).filter((t) => t !== add && t !== other), add].join(' ');
}

export class Search {
  constructor({ onChange, onEnter }) {
    this.onChange = onChange;
    this.input = h('input', { type: 'search', id: 'search', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
      'aria-label': 'Search exchanges', 'aria-keyshortcuts': '/', 'aria-describedby': 'problems', placeholder: 'status:5xx route:/orders -consumer:acme "free text"' });
    this.under = h('div', { class: 'under', 'aria-hidden': 'true' });
    this.problems = h('div', { class: 'problems', id: 'problems' });
    this.el = h('div', { class: 'search' }, h('div', { class: 'line' }, this.under, this.input), this.problems);
    this.input.addEventListener('input', () => {
      this.draw();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => onChange(this.input.value), 200);
    });
    this.input.addEventListener('scroll', () => this.align());
    this.input.addEventListener('keydown', (e) => {
      if (e.key === 'Enter' && !e.isComposing) {
        clearTimeout(this.timer);
        e.preventDefault();
        onEnter(this.input.value);
      } else if (e.key === 'Escape') {
        e.stopPropagation();
        if (this.input.value) { e.preventDefault(); this.input.value = ''; onEnter(''); }
        this.input.blur();
      }
    });
  }

  /** set shows a search that did not come from the keyboard. */
  set(q) {
    if (document.activeElement === this.input && this.input.value.trim() === q.trim()) return;
    if (this.input.value !== q) this.input.value = q;
    this.draw();
  }

  /** answer takes how the search was understood. */
  answer(query) {
    this.query = query;
    this.draw();
  }

  align() { this.under.scrollLeft = this.input.scrollLeft; }

  draw() {
    const q = this.input.value;
    const bad = this.query?.text === q ? (this.query.terms || []).filter((t) => t.problem) : [];
    let at = 0;
    fill(this.under, bad.flatMap((t) => {
      const out = [q.slice(at, t.from), h('u', {}, q.slice(t.from, t.to))];
      at = t.to;
      return out;
    }), q.slice(at));
    this.align();
    this.input.setAttribute('aria-invalid', String(bad.length > 0));
    fill(this.problems, bad.map((t) => h('p', {}, h('code', {}, q.slice(t.from, t.to)), ' ', t.problem,
      bad.length < (this.query.terms || []).length ? ' The other terms still filter.' : '')));
  }
}

/** whyEmpty tells which term empties a list, with a way out of it. */
export function whyEmpty(query, total, change) {
  const terms = (query.terms || []).filter((t) => !t.problem);
  const text = (t) => query.text.slice(t.from, t.to);
  const without = (t) => (query.text.slice(0, t.from) + query.text.slice(t.to)).replace(/\s+/g, ' ').trim();
  const alone = terms.filter((t) => t.match === 0);
  const drop = (t) => button(`Take ${text(t)} out`, () => change(without(t)));
  return h('div', { class: 'empty' },
    h('h2', {}, `None of ${plural(total, 'exchange')} in memory matches`),
    alone.length
      ? alone.map((t) => h('p', {}, h('code', {}, text(t)), ' alone takes none. ', drop(t)))
      : [h('p', {}, 'Each term takes some, but no exchange has all of them:'),
        h('ul', {}, terms.map((t) => h('li', {}, h('code', {}, text(t)), ` takes ${num(t.match)}. `, drop(t))))],
    h('p', {}, button('Clear the search', () => change(''))));
}
