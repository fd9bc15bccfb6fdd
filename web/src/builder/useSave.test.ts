import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/client';
import { emptyGroup, fromRule, type Group, newRow, type Rule } from '../rule/rule';
import { draftOf } from '../rule/testing';
import { groupErrors, NO_ERRORS, toUserError } from './useSave';

const RULE: Rule = {
  all: [
    { voyages: { operator: 'FROM_TO', trips: 3, upTo: 2 } },
    {
      not: {
        sightings: {
          operator: 'OFTEN',
          name: 'whale',
          times: 2,
          where: [{ operator: 'THERE', property: 'calf' }],
        },
      },
    },
    { not: { any: [{ crew: { operator: 'IS', segment: 'a' } }] } },
  ],
};

const root = fromRule(RULE);
const draft = draftOf(root);
const [voyages, complement, others] = root.rules as [Group['rules'][0], Group, Group];
const [sightings] = complement.rules;
const [crew] = others.rules;

function errorsAt(...paths: string[]) {
  const errors = paths.map((path, number) => ({
    code: 'INVALID',
    message: `No ${number}.`,
    path: path === '' ? [] : path.split('.'),
  }));
  return groupErrors(errors, draft);
}

function rowsOf(...paths: string[]) {
  const { rows } = errorsAt(...paths);
  return [...rows].map(([id, problems]) => [id, Object.fromEntries(problems)]);
}

describe('an error from the API', () => {
  it('is shown at its input in its row', () => {
    expect(errorsAt('input.rule.all.0.voyages.upTo')).toStrictEqual({
      ...NO_ERRORS,
      rows: new Map([[voyages.id, new Map([['upTo', 'No 0.']])]]),
    });
  });

  it('is shown at an input within a condition', () => {
    const path = 'input.rule.all.1.not.sightings.where.0.property';
    expect(rowsOf(path)).toStrictEqual([[sightings?.id, { 'where.0.property': 'No 0.' }]]);
  });

  it('is shown at a row under a group with NOT', () => {
    const path = 'input.rule.all.2.not.any.0.crew.segment';
    expect(rowsOf(path)).toStrictEqual([[crew?.id, { segment: 'No 0.' }]]);
  });

  it('is shown at the row if it is about the whole criterion', () => {
    expect(rowsOf('input.rule.all.0.voyages')).toStrictEqual([[voyages.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule.all.0')).toStrictEqual([[voyages.id, { '': 'No 0.' }]]);
  });

  it('is shown at the group if it is about the group', () => {
    expect(rowsOf('input.rule.all.2')).toStrictEqual([[others.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule.all')).toStrictEqual([[root.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule')).toStrictEqual([[root.id, { '': 'No 0.' }]]);
  });

  it('is shown at its row also if the rule was sent without an input object', () => {
    expect(rowsOf('rule.all.0.voyages.upTo')).toStrictEqual([[voyages.id, { upTo: 'No 0.' }]]);
  });

  it('is shown at the name of the segment, unless a row has a field called name', () => {
    expect(errorsAt('input.name')).toStrictEqual({ ...NO_ERRORS, name: 'No 0.' });
    const inRow = errorsAt('input.rule.all.1.not.sightings.name');
    expect(inRow.name).toBeNull();
    expect(inRow.rows.get(sightings?.id as string)?.get('name')).toBe('No 0.');
  });

  it('is shown without its path', () => {
    const path = ['input', 'rule', 'all', '0', 'voyages', 'upTo'];
    const message = 'input.rule.all.0.voyages.upTo must not be less than trips.';
    const { rows } = groupErrors([{ code: 'INVALID', message, path }], draft);
    expect(rows.get(voyages.id)?.get('upTo')).toBe('Must not be less than trips.');
  });

  it('is shown beside the buttons if it has no input of its own', () => {
    expect(errorsAt('').other).toBe('No 0.');
    expect(errorsAt('id').other).toBe('No 0.');
    expect(errorsAt('input.expectedVersion').other).toBe('No 0.');
  });

  it('is shown beside the buttons if no row is finished', () => {
    const nothing = draftOf({ ...emptyGroup(), rules: [newRow()] });
    const error = { code: 'TIMEOUT', message: 'It took too long.', path: ['rule'] };
    expect(groupErrors([error], nothing)).toStrictEqual({
      ...NO_ERRORS,
      other: 'It took too long.',
    });
  });
});

describe('an exception', () => {
  it('from the API is shown at its input', () => {
    const error = new ApiError('No.', 'INVALID', ['input', 'name']);
    expect(groupErrors([toUserError(error)], draft).name).toBe('No.');
  });

  it('of another kind is shown beside the buttons', () => {
    const error = toUserError(new TypeError('x is not a function'));
    expect(groupErrors([error], draft)).toStrictEqual({
      ...NO_ERRORS,
      other: 'Saving failed: TypeError: x is not a function.',
    });
  });
});

describe('several errors', () => {
  it('about one input are all shown at it', () => {
    const paths = ['input.rule.all.0.voyages.upTo', 'input.name', 'input.description', 'id'];
    const { name, description, rows, other } = errorsAt(...paths, ...paths);
    expect([name, description, other]).toStrictEqual(['No 1. No 5.', 'No 2. No 6.', 'No 3. No 7.']);
    expect(rows.get(voyages.id)).toStrictEqual(new Map([['upTo', 'No 0. No 4.']]));
  });

  it('are each shown at their own input', () => {
    const { name, description, rows, other } = errorsAt(
      'input.rule.all.0.voyages.upTo',
      'input.name',
      'input.rule.all.0.voyages.trips',
      'input.rule.all.2.not.any.0.crew.segment',
      'input.description',
      '',
    );
    expect(name).toBe('No 1.');
    expect([...rows]).toStrictEqual([
      [
        voyages.id,
        new Map([
          ['upTo', 'No 0.'],
          ['trips', 'No 2.'],
        ]),
      ],
      [crew?.id, new Map([['segment', 'No 3.']])],
    ]);
    expect(description).toBe('No 4.');
    expect(other).toBe('No 5.');
  });

  it('leave everything empty when there are none', () => {
    expect(errorsAt()).toStrictEqual(NO_ERRORS);
  });
});
