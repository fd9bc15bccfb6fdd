/** The values of a form: which of them count, and whether they are complete and valid. */

import { formatDate, formatDecimal, formatMoney, formatNumber } from './format';
import { type Field, type Form, fieldsOf, operatorOf } from './metadata';

/** A field's value as the API writes it, or the typed text while it is not valid yet. */
export type Value = unknown;
export type Values = Readonly<Record<string, Value>>;

/** Messages by the path of the field within its form. */
export type Problems = ReadonlyMap<string, string>;

export interface FilledForm {
  operator: string;
  values: Values;
}

const DECIMAL = /^-?\d+(\.\d+)?$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Return a field's own value, also when it is named like a property of every object. */
export function valueIn(values: Values, name: string): Value {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

export function isEmpty(value: Value): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    (Array.isArray(value) && value.length === 0)
  );
}

/**
 * Return the values that are not empty and that the operator uses.
 *
 * They keep their order, so that an unchanged rule serializes to the same text.
 */
export function usedValues(form: Form, operator: string, values: Values): Record<string, Value> {
  const names = new Set(fieldsOf(form, operator).map(({ name }) => name));
  const isUsed = ([name, value]: [string, Value]) => names.has(name) && !isEmpty(value);
  return Object.fromEntries(Object.entries(values).filter(isUsed));
}

/** Return what is missing or invalid in a form; amounts in messages are in `currency`. */
export function findProblems(
  form: Form,
  { operator, values }: FilledForm,
  currency: string,
): Problems {
  const found = new Map<string, string>();
  if (!operatorOf(form, operator)) found.set('operator', 'Choose a comparison');
  for (const field of fieldsOf(form, operator)) {
    const value = valueIn(values, field.name);
    if (isEmpty(value)) {
      if (field.required) found.set(field.name, missing(field));
    } else if (field.condition && Array.isArray(value)) {
      value.forEach((item: Record<string, Value>, position) => {
        const { operator: inner, ...rest } = item;
        const filled = { operator: String(inner), values: rest };
        for (const [path, message] of findProblems(field.condition as Form, filled, currency)) {
          found.set(`${field.name}.${position}.${path}`, message);
        }
      });
      checkLength(field, value, found);
    } else if (field.multiple && Array.isArray(value)) {
      const problem = value
        .map((item) => valueProblem(field, item, currency))
        .find((message) => message !== null);
      if (problem) found.set(field.name, problem);
      checkLength(field, value, found);
    } else {
      const problem =
        valueProblem(field, value, currency) ?? belowOther(field, value, values, currency);
      if (problem) found.set(field.name, problem);
    }
  }
  return found;
}

/** Check a value against the field that it must not be below. */
function belowOther(field: Field, value: Value, values: Values, currency: string): string | null {
  const least = field.notBelow === null ? undefined : valueIn(values, field.notBelow);
  if (isEmpty(least)) return null;
  // Dates sort as text. Amounts too close for a JavaScript number are left to the server.
  const below =
    field.kind === 'DATE' ? String(value) < String(least) : Number(value) < Number(least);
  return below ? tooLow(field, String(least), currency) : null;
}

function checkLength(field: Field, value: readonly Value[], found: Map<string, string>): void {
  if (field.maxItems !== null && value.length > field.maxItems) {
    found.set(field.name, `Add ${field.maxItems} or fewer`);
  }
}

function missing(field: Field): string {
  if (field.multiple) return 'Add at least one';
  return field.options || field.kind === 'SEGMENT' ? 'Choose a value' : 'Enter a value';
}

/** Return what is wrong with a single value, or null. */
export function valueProblem(field: Field, value: Value, currency: string): string | null {
  switch (field.kind) {
    case 'COUNT':
      return typeof value === 'number' && Number.isInteger(value)
        ? outOfRange(field, value, currency)
        : 'Enter a whole number';
    case 'MONEY':
    case 'NUMBER':
      if (typeof value !== 'string' || !DECIMAL.test(value)) return 'Enter a number, like 12.50';
      return (
        outOfRange(field, Number(value), currency) ??
        (matchesPattern(field, value) ? null : 'Enter fewer digits')
      );
    case 'DATE':
      return dateProblem(field, value);
    case 'TIME_WINDOW':
      return windowProblem(value as Window);
    case 'CHOICE':
      return field.options?.some((option) => option.value === value)
        ? null
        : 'Choose a value from the list';
    case 'TEXT':
    case 'SEGMENT':
    case 'CONDITION':
      if (matchesPattern(field, String(value))) return null;
      return field.placeholder ? `Enter a value like ${field.placeholder}` : 'Enter a valid value';
  }
}

function outOfRange(field: Field, value: number, currency: string): string | null {
  if (field.minimum !== null && value < Number(field.minimum)) {
    return tooLow(field, field.minimum, currency);
  }
  if (field.maximum !== null && value > Number(field.maximum)) {
    return `Enter ${bound(field, field.maximum, currency)} or less`;
  }
  return null;
}

function tooLow(field: Field, least: string, currency: string): string {
  const comparison = field.kind === 'DATE' ? 'later' : 'more';
  return `Enter ${bound(field, least, currency)} or ${comparison}`;
}

function bound(field: Pick<Field, 'kind'>, value: string, currency: string): string {
  if (field.kind === 'DATE') return formatDate(value);
  return field.kind === 'MONEY' ? formatMoney(value, currency) : formatDecimal(value);
}

function matchesPattern(field: Field, value: string): boolean {
  return !field.pattern || new RegExp(field.pattern, 'u').test(value);
}

function dateProblem(field: Pick<Field, 'minimum' | 'maximum'>, value: Value): string | null {
  if (typeof value !== 'string' || !DAY.test(value)) return 'Enter a date';
  const { minimum, maximum } = field;
  if (minimum !== null && value < minimum) return `Enter ${formatDate(minimum)} or later`;
  if (maximum !== null && value > maximum) return `Enter ${formatDate(maximum)} or earlier`;
  return null;
}

/** The API's TimeWindowInput, which may be incomplete. */
export interface Window {
  last?: Duration;
  since?: string;
  before?: string;
  between?: { from?: string; to?: string };
  calendar?: { which?: string; unit?: string };
  beforeAgo?: Duration;
}

export interface Duration {
  count?: Value;
  unit?: string;
}

/** The units of a duration, and the largest number of each. */
export const UNITS = { HOURS: 876_000, DAYS: 36_500, WEEKS: 5_214, MONTHS: 1_200 } as const;
export const CALENDAR_UNITS = ['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] as const;
export const WHICH_PERIOD = ['THIS', 'LAST'] as const;
const DATES = { minimum: '1970-01-01', maximum: '2199-12-31' };

function windowProblem(window: Window): string | null {
  const duration = window.last ?? window.beforeAgo;
  if (duration) return durationProblem(duration);
  if (window.calendar) return null;
  if (window.between) {
    const { from = '', to = '' } = window.between;
    return (
      dateProblem(DATES, from) ??
      dateProblem(DATES, to) ??
      (from > to ? 'Choose an end date on or after the start date' : null)
    );
  }
  return dateProblem(DATES, window.since ?? window.before ?? '');
}

function durationProblem({ count, unit }: Duration): string | null {
  const most = UNITS[unit as keyof typeof UNITS];
  return typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= most
    ? null
    : `Enter a whole number from 1 to ${formatNumber(most)}`;
}
