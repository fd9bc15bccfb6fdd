import { describe, expect, it } from 'vitest';
import type { Field } from './metadata';
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
import { isEmpty, problem, problems, used, type Value, type Values } from './values';

const WHOLE = 'Enter a whole number.';
const DECIMAL = 'Enter a number, such as 12.50.';
const DIGITS = 'Enter fewer digits.';
const DAY = 'Pick a day.';
const LAST = 'Enter a whole number from 1 to 1000.';
const FROM = 'On or after 1970-01-01.';
const TO = 'On or before 2199-12-31.';
const UNLIKE = 'This is not allowed here.';

type Cases = readonly (readonly [Value, string | null])[];

const KINDS: readonly (readonly [string, Field, Cases])[] = [
  [
    'a count',
    count('n', { minimum: '1', maximum: '36500' }),
    [
      [1, null],
      [36500, null],
      [0, 'At least 1.'],
      [-1, 'At least 1.'],
      [36501, 'At most 36500.'],
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
      ['100000000000001', 'At most 99999999999999.9999.'],
      ['50.00001', DIGITS],
      ['-0.01', 'At least 0.'],
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
      ['100000000000', 'At most 99999999999.9999.'],
      ['-100000000000', 'At least -99999999999.9999.'],
      ['12.50001', DIGITS],
      ['--1', DECIMAL],
      [12.5, DECIMAL],
    ],
  ],
  [
    'a percentage, whose step is what a form offers and no limit',
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
      ['100.01', 'At most 100.'],
      ['-0.5', 'At least 0.'],
      ['12.34567', DIGITS],
    ],
  ],
  [
    'a number without bounds or pattern',
    number('n', { minimum: null, maximum: null, pattern: null }),
    [['-123456789012.123456', null]],
  ],
  [
    'a day',
    date('d', { minimum: '1900-01-01', maximum: '2199-12-31' }),
    [
      ['1900-01-01', null],
      ['2199-12-31', null],
      ['1899-12-31', 'On or after 1900-01-01.'],
      ['2200-01-01', TO],
      ['0202-05-01', 'On or after 1900-01-01.'],
      ['2024-5-1', DAY],
      ['01.05.2024', DAY],
      ['2024-05-01T00:00', DAY],
      ['12024-05-01', DAY],
      ['today', DAY],
      [20240501, DAY],
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
      ['   ', UNLIKE],
      ['\u00a0\t', UNLIKE],
    ],
  ],
  [
    'text of a pattern',
    text('t', { pattern: '^([2-9][0-9]{2}|\\+[1-9][0-9]{0,2})$', placeholder: '212' }),
    [
      ['212', null],
      ['+44', null],
      ['112', 'Enter something like 212.'],
      ['2123', 'Enter something like 212.'],
    ],
  ],
  ['text without a pattern', text('t', { pattern: null }), [[' ', null]]],
  [
    'a choice',
    choice('c'),
    [
      ['RED', null],
      ['red', 'Pick one of the list.'],
      ['PINK', 'Pick one of the list.'],
    ],
  ],
  [
    'a segment',
    segment('s'),
    [
      ['WyJTZWdtZW50IiwxXQ', null],
      ['a segment', UNLIKE],
    ],
  ],
  [
    'a window of the last time',
    timeWindow('w'),
    [
      [{ last: { count: 1, unit: 'HOURS' } }, null],
      [{ last: { count: 1000, unit: 'MONTHS' } }, null],
      [{ last: { count: 0, unit: 'DAYS' } }, LAST],
      [{ last: { count: 1001, unit: 'DAYS' } }, LAST],
      [{ last: { count: 1.5, unit: 'DAYS' } }, LAST],
      [{ last: { count: '30', unit: 'DAYS' } }, LAST],
      [{ last: { count: '', unit: 'DAYS' } }, LAST],
      [{ last: { unit: 'DAYS' } }, LAST],
    ],
  ],
  [
    'a window from or up to a day',
    timeWindow('w'),
    [
      [{ since: '1970-01-01' }, null],
      [{ before: '2199-12-31' }, null],
      [{ since: '1969-12-31' }, FROM],
      [{ before: '2200-01-01' }, TO],
      [{ since: '0202-05-01' }, FROM],
      [{ since: '' }, DAY],
      [{ before: '' }, DAY],
      [{ before: 'May' }, DAY],
      [{}, DAY],
    ],
  ],
  [
    'a window between days',
    timeWindow('w'),
    [
      [{ between: { from: '2024-05-01', to: '2024-05-31' } }, null],
      [{ between: { from: '2024-05-01', to: '2024-05-01' } }, null],
      [{ between: { from: '2024-05-02', to: '2024-05-01' } }, 'The first day comes first.'],
      [{ between: { from: '2024-05-01', to: '' } }, DAY],
      [{ between: { from: '', to: '2024-05-01' } }, DAY],
      [{ between: {} }, DAY],
      [{ between: { from: '1969-12-31', to: '2024-05-01' } }, FROM],
      [{ between: { from: '2024-05-01', to: '2200-01-01' } }, TO],
    ],
  ],
];

describe.each(KINDS)('%s', (_, field, cases) => {
  it.each(cases)('is %j with: %s', (value, message) => {
    expect(problem(field, value)).toBe(message);
  });
});

const OPTIONAL = { required: false };

const SIGHTING = form({ OFTEN: ['name', 'times', 'where'], NAMED: ['name', 'aliases', 'within'] }, [
  text('name'),
  count('times', { minimum: '1' }),
  texts('aliases', { maxItems: 2 }),
  conditions('where', { ...OPTIONAL, maxItems: 2 }),
  timeWindow('within', OPTIONAL),
]);

function found(operator: string, values: Values): Record<string, string> {
  return Object.fromEntries(problems(SIGHTING, { operator, values }));
}

const often = (...where: Value[]) => found('OFTEN', { name: 'whale', times: 2, where });
const named = (...aliases: Value[]) => found('NAMED', { name: 'whale', aliases });

describe('a form', () => {
  it('is complete with all that its operator requires, whatever may be left out', () => {
    expect(found('OFTEN', { name: 'whale', times: 2 })).toStrictEqual({});
    expect(found('NAMED', { name: 'whale', aliases: ['orca'] })).toStrictEqual({});
  });

  it('lacks each value that is required and empty', () => {
    expect(found('OFTEN', { name: '', times: undefined })).toStrictEqual({
      name: 'Enter a value.',
      times: 'Enter a value.',
    });
    expect(found('NAMED', { name: 'whale', aliases: [] })).toStrictEqual({
      aliases: 'Add at least one.',
    });
  });

  it('asks to pick what has a list to pick from', () => {
    const of = form({ IS: ['colour', 'segment', 'day'] }, [
      choice('colour'),
      segment('segment'),
      date('day'),
    ]);
    expect(Object.fromEntries(problems(of, { operator: 'IS', values: {} }))).toStrictEqual({
      colour: 'Pick a value.',
      segment: 'Pick a value.',
      day: 'Enter a value.',
    });
  });

  it('does not mind values that its operator does not use', () => {
    expect(found('OFTEN', { name: 'whale', times: 2, aliases: [' '] })).toStrictEqual({});
  });

  it('minds what may be left out when it is wrong', () => {
    const values = { name: 'whale', aliases: ['orca'], within: { since: '' } };
    expect(found('NAMED', values)).toStrictEqual({ within: DAY });
  });

  it('lacks only the way to compare when it has none of its own', () => {
    expect(found('NEVER', {})).toStrictEqual({ operator: 'Pick how to compare.' });
    expect(found('', {})).toStrictEqual({ operator: 'Pick how to compare.' });
  });

  it('has no value below that which it must not be below', () => {
    const of = form({ FROM_TO: ['from', 'to'] }, [
      money('from', { required: false }),
      money('to', { notBelow: 'from' }),
    ]);
    const between = (from: string, to: string) =>
      Object.fromEntries(problems(of, { operator: 'FROM_TO', values: { from, to } }));
    expect(between('9', '10')).toStrictEqual({});
    expect(between('10', '10.00')).toStrictEqual({});
    expect(between('', '0')).toStrictEqual({});
    expect(between('10', '9')).toStrictEqual({ to: 'At least 10.' });
    // What is wrong by itself is said first.
    expect(between('10', 'x')).toStrictEqual({
      to: 'Enter a number, such as 12.50.',
    });
    const days = form({ FROM_TO: ['from', 'to'] }, [
      date('from'),
      date('to', { notBelow: 'from' }),
    ]);
    const values = { from: '2024-05-01', to: '2024-04-30' };
    expect(Object.fromEntries(problems(days, { operator: 'FROM_TO', values }))).toStrictEqual({
      to: 'At least 2024-05-01.',
    });
  });

  it('has a list of at most as many values as are allowed', () => {
    expect(named('orca', 'killer whale')).toStrictEqual({});
    expect(named('a', 'b', 'c')).toStrictEqual({ aliases: 'At most 2 are allowed.' });
    const boundless = form({ OF: ['all'] }, [texts('all', { maxItems: null })]);
    const all = Array.from({ length: 2000 }, (_, place) => `${place}`);
    expect(problems(boundless, { operator: 'OF', values: { all } }).size).toBe(0);
  });

  it('has a problem with a list of which any value has one', () => {
    expect(named('orca', ' ')).toStrictEqual({ aliases: UNLIKE });
  });
});

describe('the conditions of a form', () => {
  it('are complete when each of them is', () => {
    const calf = { operator: 'THERE', property: 'calf' };
    expect(often(calf, { operator: 'ABOVE', property: 'length', number: '20' })).toStrictEqual({});
  });

  it('have problems at the paths that the API has for them', () => {
    expect(
      often(
        { operator: 'AMONG', property: '', texts: [] },
        { operator: 'ABOVE', property: 'length', number: 'long' },
      ),
    ).toStrictEqual({
      'where.0.property': 'Enter a value.',
      'where.0.texts': 'Add at least one.',
      'where.1.number': DECIMAL,
    });
  });

  it('lack a way to compare by themselves', () => {
    expect(often({ property: 'calf' })).toStrictEqual({
      'where.0.operator': 'Pick how to compare.',
    });
  });

  it('are at most as many as are allowed', () => {
    const calf = { operator: 'THERE', property: 'calf' };
    expect(often(calf, calf)).toStrictEqual({});
    expect(often(calf, calf, calf)).toStrictEqual({ where: 'At most 2 are allowed.' });
  });
});

describe('the values that count', () => {
  it('are those of the operator that are not empty', () => {
    const values = { name: 'whale', times: 0, where: [], aliases: ['orca'], other: 1 };
    expect(used(SIGHTING, 'OFTEN', values)).toStrictEqual({ name: 'whale', times: 0 });
  });

  it('are none with an operator that there is not', () => {
    expect(used(SIGHTING, 'NEVER', { name: 'whale' })).toStrictEqual({});
  });

  it('keep their order', () => {
    const values = used(SIGHTING, 'OFTEN', { times: 2, name: 'whale' });
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
