/** Numbers, shares, dates, amounts and enum values as text for people. */

const numbers = new Intl.NumberFormat('en');
const shares = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const countries = new Intl.DisplayNames('en', { type: 'region' });

export function formatNumber(count: number): string {
  return numbers.format(count);
}

/** Format a share as a percentage; only exactly 0 and 1 become 0% and 100%. */
export function formatPercent(share: number): string {
  if (share > 0 && share < 0.001) return '<0.1%';
  if (share > 0.999 && share < 1) return '>99.9%';
  return shares.format(share);
}

/** Format a decimal given as text with its digits grouped: "1000.50" as "1,000.50". */
export function formatDecimal(decimal: string): string {
  const [whole = '', ...fraction] = decimal.split('.');
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...fraction].join('.');
}

/** Format an amount with its currency: "£1,000.50", or "CHF 50" for a currency without a sign. */
export function formatMoney(amount: string, currency: string): string {
  const sign = currencySign(currency);
  const decimal = formatDecimal(amount).replace(/\.\d$/, '$&0');
  return `${sign}${/^[A-Z]+$/.test(sign) ? ' ' : ''}${decimal}`;
}

/** The offsets of a time zone from UTC, in order. The browser may have other rules than the server. */
export type UtcOffsets = readonly { since: string; seconds: number }[];

const times = new Intl.DateTimeFormat('en', {
  dateStyle: 'medium',
  timeStyle: 'short',
  hourCycle: 'h23',
  timeZone: 'UTC',
});
const dates = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

export function formatTime(instant: string, offsets: UtcOffsets): string {
  return times.format(localTime(instant, offsets));
}

/** Format the date of an instant, or a date such as 2024-05-01 without offsets. */
export function formatDate(instant: string, offsets: UtcOffsets = []): string {
  return dates.format(localTime(instant, offsets));
}

/** Return a Date that has the local time as its time in UTC. */
function localTime(instant: string, offsets: UtcOffsets): Date {
  const time = Date.parse(instant);
  const offset = offsets.findLast(({ since }) => Date.parse(since) <= time);
  return new Date(time + (offset?.seconds ?? 0) * 1000);
}

/** Return an enum value as words: "NOT_SET" as "Not set". */
export function enumLabel(name: string): string {
  const words = name.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return a label for use within a sentence: "Area codes" as "area codes", "VIPs" as it is. */
export function midSentence(label: string): string {
  return /^\p{Lu}\P{Lu}/u.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
}

/** Return the name of an ISO 3166-1 country code, or the code itself if it is unknown. */
export function countryName(code: string): string {
  return /^[A-Z]{2}$/.test(code) ? (countries.of(code) ?? code) : code;
}

/** Return the sign of a currency, or its code where it has none. */
export function currencySign(currency: string): string {
  const parts = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
  }).formatToParts(0);
  return parts.find((part) => part.type === 'currency')?.value ?? currency;
}
