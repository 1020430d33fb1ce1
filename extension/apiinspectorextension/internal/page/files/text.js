// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Numbers, sizes and times as text. -1 is not known.

const whole = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

export const num = (n) => (n === undefined || n === null || n < 0 ? '–' : whole.format(n));

/** bytes are binary multiples: 1.5 KiB. */
export function bytes(n) {
  if (n === undefined || n === null || n < 0) return '–';
  let unit = 0;
  while (n >= 1024 && unit < 4) { n /= 1024; unit++; }
  return `${unit && n < 10 ? n.toFixed(1) : whole.format(Math.round(n))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

/** ms is a duration without its unit, in at most four digits. */
export function ms(d) {
  if (d === undefined || d === null || d < 0) return '–';
  return d < 9.95 ? d.toFixed(1) : whole.format(Math.round(d));
}

/** span is a duration with its unit. */
export function span(d) {
  if (d === undefined || d === null || d < 0) return '–';
  if (d < 1000) return `${ms(d)} ms`;
  const s = d / 1000;
  if (s < 90) return `${s < 9.95 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 129600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

const known = (t) => t && !String(t).startsWith('0001');

export const time = (t) => (known(t) ? clock.format(new Date(t)) : '–');
export const exact = (t) => (known(t) ? `${full.format(new Date(t))}, ${new Date(t).toISOString()}` : 'not known');

/** millis is a time of day with milliseconds. */
export const millis = (t) => (known(t) ? `${time(t)}.${String(new Date(t).getMilliseconds()).padStart(3, '0')}` : '–');

export function ago(t) {
  if (!known(t)) return '–';
  const d = Date.now() - new Date(t);
  return d < 1000 ? 'now' : `${d < 9950 ? `${Math.floor(d / 1000)} s` : span(d)} ago`;
}

/** share is a part of a whole in percent: 0.0 % is none, – is that there was no whole. */
export const share = (part, total) => (total > 0 ? `${(100 * part / total).toFixed(1)} %` : '–');

export const plural = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;

/** term is a term of a search: the value in quotes where it needs them. */
export function term(field, value) {
  const text = String(value);
  return `${field}:${/^[\w./~@{}$+%#&=;!?-]+$/u.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`}`;
}

export const statusClass = (n) => (n ? `s${Math.floor(n / 100)}` : 's0');
