/** Whether what was filled in is complete and allowed, by the kind of the input. */

import { type Field, type Form, fieldsOf, operatorOf } from './metadata';

/** What an input holds, as the API writes it; text that is no number yet stays as it was typed. */
export type Value = unknown;
export type Values = Readonly<Record<string, Value>>;

/** What is wrong, by the path of the input within its form. */
export type Problems = ReadonlyMap<string, string>;

/** A condition as the API writes it, and a whole criterion's form. */
export interface Filled {
  operator: string;
  values: Values;
}

const DECIMAL = /^-?\d+(\.\d+)?$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The value of an input, whatever its name is: `constructor` is one, too. */
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
 * A form's values that count: of inputs that go with the operator, and not empty.
 *
 * They keep their order, so that a rule that nobody changed is the same text.
 */
export function used(form: Form, operator: string, values: Values): Record<string, Value> {
  const names = new Set(fieldsOf(form, operator).map(({ name }) => name));
  const counting = ([name, value]: [string, Value]) => names.has(name) && !isEmpty(value);
  return Object.fromEntries(Object.entries(values).filter(counting));
}

/** What keeps a form from being complete; empty when it is. */
export function problems(form: Form, { operator, values }: Filled): Problems {
  const found = new Map<string, string>();
  if (!operatorOf(form, operator)) found.set('operator', 'Pick how to compare.');
  for (const field of fieldsOf(form, operator)) {
    const value = valueIn(values, field.name);
    if (isEmpty(value)) {
      if (field.required) found.set(field.name, missing(field));
    } else if (field.condition && Array.isArray(value)) {
      value.forEach((item: Record<string, Value>, position) => {
        const { operator: inner, ...rest } = item;
        const filled = { operator: String(inner), values: rest };
        for (const [path, message] of problems(field.condition as Form, filled)) {
          found.set(`${field.name}.${position}.${path}`, message);
        }
      });
      checkLength(field, value, found);
    } else if (field.multiple && Array.isArray(value)) {
      const wrong = value.map((item) => problem(field, item)).find((message) => message !== null);
      if (wrong) found.set(field.name, wrong);
      checkLength(field, value, found);
    } else {
      const wrong = problem(field, value) ?? tooLow(field, value, values);
      if (wrong) found.set(field.name, wrong);
    }
  }
  return found;
}

/** Whether a value is below that of the field which it must not be below. */
function tooLow(field: Field, value: Value, values: Values): string | null {
  const least = field.notBelow === null ? undefined : valueIn(values, field.notBelow);
  if (isEmpty(least)) return null;
  // Days are in the order of their text; amounts that a number cannot tell apart are the server's.
  const below =
    field.kind === 'DATE' ? String(value) < String(least) : Number(value) < Number(least);
  return below ? `At least ${least}.` : null;
}

function checkLength(field: Field, value: readonly Value[], found: Map<string, string>): void {
  if (field.maxItems !== null && value.length > field.maxItems) {
    found.set(field.name, `At most ${field.maxItems} are allowed.`);
  }
}

function missing(field: Field): string {
  const verb = field.multiple
    ? 'Add'
    : field.options || field.kind === 'SEGMENT'
      ? 'Pick'
      : 'Enter';
  return `${verb} ${field.multiple ? 'at least one' : 'a value'}.`;
}

/** What is wrong with a single value, or null. */
export function problem(field: Field, value: Value): string | null {
  switch (field.kind) {
    case 'COUNT':
      return typeof value === 'number' && Number.isInteger(value)
        ? outside(field, value)
        : 'Enter a whole number.';
    case 'MONEY':
    case 'NUMBER':
      return typeof value === 'string' && DECIMAL.test(value)
        ? (outside(field, Number(value)) ?? (matches(field, value) ? null : 'Enter fewer digits.'))
        : 'Enter a number, such as 12.50.';
    case 'DATE':
      return day(field, value);
    case 'TIME_WINDOW':
      return windowProblem(value as Window);
    case 'CHOICE':
      return field.options?.some((option) => option.value === value)
        ? null
        : 'Pick one of the list.';
    case 'TEXT':
    case 'SEGMENT':
    case 'CONDITION':
      return matches(field, String(value))
        ? null
        : field.placeholder
          ? `Enter something like ${field.placeholder}.`
          : 'This is not allowed here.';
  }
}

function outside(field: Field, value: number): string | null {
  if (field.minimum !== null && value < Number(field.minimum)) {
    return `At least ${field.minimum}.`;
  }
  if (field.maximum !== null && value > Number(field.maximum)) {
    return `At most ${field.maximum}.`;
  }
  return null;
}

function matches(field: Field, value: string): boolean {
  return !field.pattern || new RegExp(field.pattern, 'u').test(value);
}

function day(field: Pick<Field, 'minimum' | 'maximum'>, value: Value): string | null {
  if (typeof value !== 'string' || !DAY.test(value)) return 'Pick a day.';
  if (field.minimum !== null && value < field.minimum) return `On or after ${field.minimum}.`;
  if (field.maximum !== null && value > field.maximum) return `On or before ${field.maximum}.`;
  return null;
}

/** The API's TimeWindowInput, as far as it is filled in. */
export interface Window {
  last?: { count?: Value; unit?: string };
  since?: string;
  before?: string;
  between?: { from?: string; to?: string };
}

export const UNITS = ['HOURS', 'DAYS', 'WEEKS', 'MONTHS'] as const;
export const MAX_COUNT = 1000;
const DAYS = { minimum: '1970-01-01', maximum: '2199-12-31' };

function windowProblem(window: Window): string | null {
  if (window.last) {
    const { count } = window.last;
    return typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MAX_COUNT
      ? null
      : `Enter a whole number from 1 to ${MAX_COUNT}.`;
  }
  if (window.between) {
    const { from = '', to = '' } = window.between;
    return day(DAYS, from) ?? day(DAYS, to) ?? (from > to ? 'The first day comes first.' : null);
  }
  return day(DAYS, window.since ?? window.before ?? '');
}
