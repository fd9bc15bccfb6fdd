/** The values of fields: long because each kind of field has cases of its own. */

import { describe, expect, it } from 'vitest';
import type { Field, Form } from './metadata';
import {
  choice,
  conditions,
  count,
  date,
  form,
  money,
  number,
  segment,
  text,
  texts,
  timeWindow,
} from './testing';
import { findProblems, isEmpty, usedValues, type Value, type Values, valueProblem } from './values';

const WHOLE = 'Enter a whole number';
const DECIMAL = 'Enter a number, like 12.50';
const DIGITS = 'Enter fewer digits';
const DATE = 'Enter a date';
const most = (count: string) => `Enter a whole number from 1 to ${count}`;
const LAST = most('36,500');
const FROM = 'Enter Jan 1, 1970 or later';
const TO = 'Enter Dec 31, 2199 or earlier';
const INVALID = 'Enter a valid value';

type Cases = readonly (readonly [Value, string | null])[];

const KINDS: readonly (readonly [string, Field, Cases])[] = [
  [
    'a count',
    count('n', { minimum: '1', maximum: '36500' }),
    [
      [1, null],
      [36500, null],
      [0, 'Enter 1 or more'],
      [-1, 'Enter 1 or more'],
      [36501, 'Enter 36,500 or less'],
      [1.5, WHOLE],
      ['3', WHOLE],
      ['many', WHOLE],
      [Number.NaN, WHOLE],
      [Number.POSITIVE_INFINITY, WHOLE],
      [true, WHOLE],
    ],
  ],
  ['a count from 0', count('n'), [[0, null]]],
  [
    'a count without bounds',
    count('n', { minimum: null, maximum: null }),
    [
      [-5, null],
      [1e15, null],
    ],
  ],
  [
    'an amount of money',
    money('n'),
    [
      ['0', null],
      ['50', null],
      ['50.00', null],
      ['0.0001', null],
      ['99999999999999.9999', null],
      ['100000000000000', DIGITS],
      ['100000000000001', 'Enter £99,999,999,999,999.9999 or less'],
      ['50.00001', DIGITS],
      ['-0.01', 'Enter £0 or more'],
      ['50.', DECIMAL],
      ['.5', DECIMAL],
      ['1,000', DECIMAL],
      ['1e3', DECIMAL],
      ['+5', DECIMAL],
      [' 5', DECIMAL],
      ['5\n', DECIMAL],
      ['fifty', DECIMAL],
      ['٥', DECIMAL],
      [50, DECIMAL],
    ],
  ],
  [
    'a number',
    number('n'),
    [
      ['0', null],
      ['-12.5', null],
      ['12.5001', null],
      ['-99999999999.9999', null],
      ['99999999999.9999', null],
      ['100000000000', 'Enter 99,999,999,999.9999 or less'],
      ['-100000000000', 'Enter -99,999,999,999.9999 or more'],
      ['12.50001', DIGITS],
      ['--1', DECIMAL],
      [12.5, DECIMAL],
    ],
  ],
  [
    'a percentage, which may have more decimals than its step',
    number('n', {
      minimum: '0',
      maximum: '100',
      pattern: '^(100(\\.0{1,4})?|[0-9]{1,2}(\\.[0-9]{1,4})?)$',
    }),
    [
      ['0', null],
      ['12.5', null],
      ['99.9999', null],
      ['100', null],
      ['100.01', 'Enter 100 or less'],
      ['-0.5', 'Enter 0 or more'],
      ['12.34567', DIGITS],
    ],
  ],
  [
    'a number without bounds or pattern',
    number('n', { minimum: null, maximum: null, pattern: null }),
    [['-123456789012.123456', null]],
  ],
  [
    'a date',
    date('d', { minimum: '1900-01-01', maximum: '2199-12-31' }),
    [
      ['1900-01-01', null],
      ['2199-12-31', null],
      ['1899-12-31', 'Enter Jan 1, 1900 or later'],
      ['2200-01-01', TO],
      ['0202-05-01', 'Enter Jan 1, 1900 or later'],
      ['2024-5-1', DATE],
      ['01.05.2024', DATE],
      ['2024-05-01T00:00', DATE],
      ['12024-05-01', DATE],
      ['today', DATE],
      [20240501, DATE],
    ],
  ],
  [
    'text',
    text('t'),
    [
      ['x', null],
      [' x ', null],
      ["o'clock", null],
      ['🐋', null],
      ['   ', INVALID],
      ['\u00a0\t', INVALID],
    ],
  ],
  [
    'text with a pattern',
    text('t', { pattern: '^([2-9][0-9]{2}|\\+[1-9][0-9]{0,2})$', placeholder: '212' }),
    [
      ['212', null],
      ['+44', null],
      ['112', 'Enter a value like 212'],
      ['2123', 'Enter a value like 212'],
    ],
  ],
  ['text without a pattern', text('t', { pattern: null }), [[' ', null]]],
  [
    'a choice',
    choice('c'),
    [
      ['RED', null],
      ['red', 'Choose a value from the list'],
      ['PINK', 'Choose a value from the list'],
    ],
  ],
  [
    'a segment',
    segment('s'),
    [
      ['WyJTZWdtZW50IiwxXQ', null],
      ['a segment', INVALID],
    ],
  ],
  [
    'a time window counted back from now',
    timeWindow('w'),
    [
      [{ last: { count: 1, unit: 'HOURS' } }, null],
      [{ last: { count: 876_000, unit: 'HOURS' } }, null],
      [{ last: { count: 876_001, unit: 'HOURS' } }, most('876,000')],
      [{ last: { count: 36_500, unit: 'DAYS' } }, null],
      [{ last: { count: 5_214, unit: 'WEEKS' } }, null],
      [{ last: { count: 5_215, unit: 'WEEKS' } }, most('5,214')],
      [{ last: { count: 1_200, unit: 'MONTHS' } }, null],
      [{ last: { count: 1_201, unit: 'MONTHS' } }, most('1,200')],
      [{ last: { count: 0, unit: 'DAYS' } }, LAST],
      [{ last: { count: 36_501, unit: 'DAYS' } }, LAST],
      [{ last: { count: 1.5, unit: 'DAYS' } }, LAST],
      [{ last: { count: '30', unit: 'DAYS' } }, LAST],
      [{ last: { count: '', unit: 'DAYS' } }, LAST],
      [{ last: { unit: 'DAYS' } }, LAST],
    ],
  ],
  [
    'a time window before a duration, or during a period of the calendar',
    timeWindow('w'),
    [
      [{ beforeAgo: { count: 1, unit: 'HOURS' } }, null],
      [{ beforeAgo: { count: 36_500, unit: 'DAYS' } }, null],
      [{ beforeAgo: { count: 36_501, unit: 'DAYS' } }, LAST],
      [{ beforeAgo: { count: 0, unit: 'DAYS' } }, LAST],
      [{ calendar: { which: 'THIS', unit: 'MONTH' } }, null],
      [{ calendar: { which: 'LAST', unit: 'DAY' } }, null],
    ],
  ],
  [
    'a time window since or before a date',
    timeWindow('w'),
    [
      [{ since: '1970-01-01' }, null],
      [{ before: '2199-12-31' }, null],
      [{ since: '1969-12-31' }, FROM],
      [{ before: '2200-01-01' }, TO],
      [{ since: '0202-05-01' }, FROM],
      [{ since: '' }, DATE],
      [{ before: '' }, DATE],
      [{ before: 'May' }, DATE],
      [{}, DATE],
    ],
  ],
  [
    'a time window between dates',
    timeWindow('w'),
    [
      [{ between: { from: '2024-05-01', to: '2024-05-31' } }, null],
      [{ between: { from: '2024-05-01', to: '2024-05-01' } }, null],
      [
        { between: { from: '2024-05-02', to: '2024-05-01' } },
        'Choose an end date on or after the start date',
      ],
      [{ between: { from: '2024-05-01', to: '' } }, DATE],
      [{ between: { from: '', to: '2024-05-01' } }, DATE],
      [{ between: {} }, DATE],
      [{ between: { from: '1969-12-31', to: '2024-05-01' } }, FROM],
      [{ between: { from: '2024-05-01', to: '2200-01-01' } }, TO],
    ],
  ],
];

describe.each(KINDS)('%s', (_, field, cases) => {
  it.each(cases)('has with the value %j the problem: %s', (value, message) => {
    expect(valueProblem(field, value, 'GBP')).toBe(message);
  });
});

const OPTIONAL = { required: false };

const SIGHTING: Form = form(
  { OFTEN: ['name', 'times', 'where'], NAMED: ['name', 'aliases', 'within'] },
  [
    text('name'),
    count('times', { minimum: '1' }),
    texts('aliases', { maxItems: 2 }),
    conditions('where', { ...OPTIONAL, maxItems: 2 }),
    timeWindow('within', OPTIONAL),
  ],
);

function problemsOf(form: Form, operator: string, values: Values): Record<string, string> {
  return Object.fromEntries(findProblems(form, { operator, values }, 'GBP'));
}

function found(operator: string, values: Values): Record<string, string> {
  return problemsOf(SIGHTING, operator, values);
}

const often = (...where: Value[]) => found('OFTEN', { name: 'whale', times: 2, where });
const named = (...aliases: Value[]) => found('NAMED', { name: 'whale', aliases });

describe('a form', () => {
  it('is complete when every required value is there', () => {
    expect(found('OFTEN', { name: 'whale', times: 2 })).toStrictEqual({});
    expect(found('NAMED', { name: 'whale', aliases: ['orca'] })).toStrictEqual({});
  });

  it('reports each required value that is missing', () => {
    expect(found('OFTEN', { name: '', times: undefined })).toStrictEqual({
      name: 'Enter a value',
      times: 'Enter a value',
    });
    expect(found('NAMED', { name: 'whale', aliases: [] })).toStrictEqual({
      aliases: 'Add at least one',
    });
  });

  it('asks to choose a value where it offers a list', () => {
    const of = form({ IS: ['color', 'segment', 'day'] }, [
      choice('color'),
      segment('segment'),
      date('day'),
    ]);
    expect(problemsOf(of, 'IS', {})).toStrictEqual({
      color: 'Choose a value',
      segment: 'Choose a value',
      day: 'Enter a value',
    });
  });

  it('ignores values that its operator does not use', () => {
    expect(found('OFTEN', { name: 'whale', times: 2, aliases: [' '] })).toStrictEqual({});
  });

  it('reports an invalid optional value', () => {
    const values = { name: 'whale', aliases: ['orca'], within: { since: '' } };
    expect(found('NAMED', values)).toStrictEqual({ within: DATE });
  });

  it('reports only the operator when it does not have that operator', () => {
    expect(found('NEVER', {})).toStrictEqual({ operator: 'Choose a comparison' });
    expect(found('', {})).toStrictEqual({ operator: 'Choose a comparison' });
  });

  it('reports an upper bound below the lower bound', () => {
    const of = form({ FROM_TO: ['from', 'to'] }, [
      money('from', { required: false }),
      money('to', { notBelow: 'from' }),
    ]);
    const between = (from: string, to: string) => problemsOf(of, 'FROM_TO', { from, to });
    expect(between('9', '10')).toStrictEqual({});
    expect(between('10', '10.00')).toStrictEqual({});
    expect(between('', '0')).toStrictEqual({});
    expect(between('1000.5', '9')).toStrictEqual({ to: 'Enter £1,000.50 or more' });
    // A value that is invalid by itself is not compared.
    expect(between('10', 'x')).toStrictEqual({ to: DECIMAL });
    const days = form({ FROM_TO: ['from', 'to'] }, [
      date('from'),
      date('to', { notBelow: 'from' }),
    ]);
    const values = { from: '2024-05-01', to: '2024-04-30' };
    expect(problemsOf(days, 'FROM_TO', values)).toStrictEqual({
      to: 'Enter May 1, 2024 or later',
    });
  });

  it('reports a list with too many values', () => {
    expect(named('orca', 'killer whale')).toStrictEqual({});
    expect(named('a', 'b', 'c')).toStrictEqual({ aliases: 'Add 2 or fewer' });
    const boundless = form({ OF: ['all'] }, [texts('all', { maxItems: null })]);
    const all = Array.from({ length: 2000 }, (_, index) => `${index}`);
    expect(problemsOf(boundless, 'OF', { all })).toStrictEqual({});
  });

  it('reports a list with an invalid value', () => {
    expect(named('orca', ' ')).toStrictEqual({ aliases: INVALID });
  });
});

describe('the conditions of a form', () => {
  it('are complete when each of them is', () => {
    const calf = { operator: 'THERE', property: 'calf' };
    expect(often(calf, { operator: 'ABOVE', property: 'length', number: '20' })).toStrictEqual({});
  });

  it('report problems under the paths that the API uses', () => {
    expect(
      often(
        { operator: 'AMONG', property: '', texts: [] },
        { operator: 'ABOVE', property: 'length', number: 'long' },
      ),
    ).toStrictEqual({
      'where.0.property': 'Enter a value',
      'where.0.texts': 'Add at least one',
      'where.1.number': DECIMAL,
    });
  });

  it('report a missing operator of their own', () => {
    expect(often({ property: 'calf' })).toStrictEqual({
      'where.0.operator': 'Choose a comparison',
    });
  });

  it('report that there are too many of them', () => {
    const calf = { operator: 'THERE', property: 'calf' };
    expect(often(calf, calf)).toStrictEqual({});
    expect(often(calf, calf, calf)).toStrictEqual({ where: 'Add 2 or fewer' });
  });
});

describe('usedValues', () => {
  it('returns what the operator uses and what is not empty', () => {
    const values = { name: 'whale', times: 0, where: [], aliases: ['orca'], other: 1 };
    expect(usedValues(SIGHTING, 'OFTEN', values)).toStrictEqual({ name: 'whale', times: 0 });
  });

  it('returns nothing for an unknown operator', () => {
    expect(usedValues(SIGHTING, 'NEVER', { name: 'whale' })).toStrictEqual({});
  });

  it('keeps the order of the values', () => {
    const values = usedValues(SIGHTING, 'OFTEN', { times: 2, name: 'whale' });
    expect(Object.keys(values)).toStrictEqual(['times', 'name']);
  });
});

describe('a value', () => {
  it.each([undefined, null, '', []])('is empty: %j', (value) => {
    expect(isEmpty(value)).toBe(true);
  });

  it.each([0, false, '0', ' ', [''], {}])('is not empty: %j', (value) => {
    expect(isEmpty(value)).toBe(false);
  });
});
