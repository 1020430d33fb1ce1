// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The line of the search. It is read by the Collector, which tells what it understood.

import { $, h, fill, button, empty, on } from './dom.js';
import { num, plural } from './text.js';

/** withTerm is a search with one term more; the same term is not there twice, nor is its opposite. */
export function withTerm(q, term, negate) {
  const parts = q.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) || []; // at blanks outside quotes
  return [...parts.filter((t) => t.replace(/^-/, '') !== term), negate ? `-${term}` : term].join(' ');
}

/** searchLine is the line. onChange is told what is typed, onEnter what is asked for. */
export function searchLine({ onChange, onEnter }) {
  const input = $('#search');
  const under = $('.under'); // marks what could not be read
  let query;
  let timer;

  const align = () => { under.scrollLeft = input.scrollLeft; };

  function draw() {
    const q = input.value;
    const terms = query?.text === q ? query.terms : [];
    const bad = terms.filter((t) => t.problem);
    let at = 0;
    fill(under, bad.map((t) => {
      const before = q.slice(at, t.from);
      at = t.to;
      return [before, h('u', q.slice(t.from, t.to))];
    }), q.slice(at));
    align();
    input.ariaInvalid = bad.length > 0;
    fill($('#problems'), bad.map((t) => h('p', h('code', q.slice(t.from, t.to)), ' ', t.problem, bad.length < terms.length && ' The other terms still filter.')));
  }

  const enter = () => { clearTimeout(timer); onEnter(input.value); };
  on(input, 'input', () => {
    draw();
    clearTimeout(timer);
    timer = setTimeout(() => onChange(input.value), 200);
  });
  on(input, 'scroll', align);
  on(input, 'keydown', (e) => {
    if (e.isComposing || e.key !== 'Enter' && e.key !== 'Escape') return;
    e.stopPropagation();
    if (e.key === 'Enter') { e.preventDefault(); enter(); return; }
    if (input.value) { e.preventDefault(); input.value = ''; enter(); }
    input.blur();
  });

  return {
    input,

    /** set shows a search that did not come from the keyboard. */
    set(q) {
      if (document.activeElement === input && input.value.trim() === q.trim()) return;
      if (input.value !== q) input.value = q;
      draw();
    },

    /** answer takes how the search was understood. */
    answer(understood) { query = understood; draw(); },
  };
}

/** whyEmpty tells which term empties a list, with a way out of it. */
export function whyEmpty({ text, terms }, total, change) {
  const good = terms.filter((t) => !t.problem);
  const alone = good.filter((t) => t.match === 0);
  const words = (t) => text.slice(t.from, t.to);
  const name = (t) => h('code', words(t));
  const drop = (t) => button(`Take ${words(t)} out`, () => change((text.slice(0, t.from) + text.slice(t.to)).replace(/\s+/g, ' ').trim()));
  return empty(`None of ${plural(total, 'exchange')} in memory matches`,
    alone.length ? alone.map((t) => h('p', name(t), ' alone takes none. ', drop(t)))
      : [h('p', 'Each term takes some, but no exchange has all of them:'), h('ul', good.map((t) => h('li', name(t), ` takes ${num(t.match)}. `, drop(t))))],
    h('p', button('Clear the search', () => change(''))));
}
