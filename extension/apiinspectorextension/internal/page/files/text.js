// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Numbers, sizes and times as text. -1 is not known.

const whole = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/** known is a function for numbers that are known. */
const known = (fn) => (n) => (n >= 0 ? fn(n) : '–');

export const num = known((n) => whole.format(n));

/** bytes are binary multiples: 1.5 KiB. */
export const bytes = known((n) => {
  let unit = 0;
  while (n >= 1024 && unit < 4) { n /= 1024; unit++; }
  return `${unit && n < 10 ? n.toFixed(1) : whole.format(Math.round(n))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
});

/** ms is a duration without its unit, in at most four digits, and not one alone. */
export const ms = known((d) => (d < 9.95 ? d.toFixed(d < 0.995 ? 2 : 1) : whole.format(Math.round(d))));

/** span is a duration with its unit. */
export const span = known((d) => {
  const s = d / 1000;
  if (d < 999.5) return `${ms(d)} ms`;
  if (s < 90) return `${s < 9.95 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 129600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
});

/** date is a function for times that are known. */
const date = (fn, none = '–') => (t) => (t && !t.startsWith('0001') ? fn(new Date(t)) : none);

export const time = date((t) => clock.format(t));
export const exact = date((t) => `${full.format(t)}, ${t.toISOString()}`, 'not known');

/** millis is a time of day with milliseconds. */
export const millis = date((t) => `${clock.format(t)}.${String(t.getMilliseconds()).padStart(3, '0')}`);

export const ago = date((t) => {
  const d = Date.now() - t;
  return d < 1000 ? 'now' : `${d < 9950 ? `${Math.floor(d / 1000)} s` : span(d)} ago`;
});

/** share is a part of a whole in percent: 0.0 % is none, – is that there was no whole. */
export const share = (part, total) => (total > 0 ? `${(100 * part / total).toFixed(1)} %` : '–');

export const plural = (n, one) => `${num(n)} ${one}${n === 1 ? '' : 's'}`;

/** short is a hash as far as it must be known. */
export const short = (hash) => (hash || 'none').slice(0, 8);

/** term is a term of a search: the value in quotes where it needs them. */
export function term(field, value) {
  const text = String(value);
  return `${field}:${/^[\w./~@{}$+%#&=;!?-]+$/u.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`}`;
}

/** statusClass is the classes of a status code, as h takes them. */
export const statusClass = (n) => `status.s${Math.floor((n || 0) / 100)}`;

/** backendName is a component without its type. */
export const backendName = (component) => component.replace(/^api_analytics\//, '');
