import { describe, expect, it } from 'vitest';
import { emptyGroup, fromRule, type Group, newRow, type Rule, toDraft } from '../rule/rule';
import { CRITERIA } from '../rule/testing';
import { NOTHING_REFUSED, sorted } from './useSave';

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
const draft = toDraft(root, CRITERIA);
const [voyages, complement, others] = root.rules as [Group['rules'][0], Group, Group];
const [sightings] = complement.rules;
const [crew] = others.rules;

function refused(...paths: string[]) {
  const errors = paths.map((path, place) => ({
    code: 'INVALID',
    message: `No ${place}.`,
    path: path === '' ? [] : path.split('.'),
  }));
  return sorted(errors, draft);
}

function rowsOf(...paths: string[]) {
  const { rows } = refused(...paths);
  return [...rows].map(([id, problems]) => [id, Object.fromEntries(problems)]);
}

describe('an error of the API', () => {
  it('is at its input in its row', () => {
    expect(refused('input.rule.all.0.voyages.upTo')).toStrictEqual({
      ...NOTHING_REFUSED,
      rows: new Map([[voyages.id, new Map([['upTo', 'No 0.']])]]),
    });
  });

  it('is at its place within an input', () => {
    const path = 'input.rule.all.1.not.sightings.where.0.property';
    expect(rowsOf(path)).toStrictEqual([[sightings?.id, { 'where.0.property': 'No 0.' }]]);
  });

  it('is at its row under a group with NOT', () => {
    const path = 'input.rule.all.2.not.any.0.crew.segment';
    expect(rowsOf(path)).toStrictEqual([[crew?.id, { segment: 'No 0.' }]]);
  });

  it('is at its row when it is about the criterion as a whole', () => {
    expect(rowsOf('input.rule.all.0.voyages')).toStrictEqual([[voyages.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule.all.0')).toStrictEqual([[voyages.id, { '': 'No 0.' }]]);
  });

  it('is at its group when it is about the group', () => {
    expect(rowsOf('input.rule.all.2')).toStrictEqual([[others.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule.all')).toStrictEqual([[root.id, { '': 'No 0.' }]]);
    expect(rowsOf('input.rule')).toStrictEqual([[root.id, { '': 'No 0.' }]]);
  });

  it('is at its row whether the rule was sent by itself or in an input', () => {
    expect(rowsOf('rule.all.0.voyages.upTo')).toStrictEqual([[voyages.id, { upTo: 'No 0.' }]]);
  });

  it('is about the name of the segment, unless the name is one in a row', () => {
    expect(refused('input.name')).toStrictEqual({ ...NOTHING_REFUSED, name: 'No 0.' });
    const inRow = refused('input.rule.all.1.not.sightings.name');
    expect(inRow.name).toBeNull();
    expect(inRow.rows.get(sightings?.id as string)?.get('name')).toBe('No 0.');
  });

  it('is told without its path, which is where it stands', () => {
    const path = ['input', 'rule', 'all', '0', 'voyages', 'upTo'];
    const message = 'input.rule.all.0.voyages.upTo must not be less than trips.';
    const { rows } = sorted([{ code: 'INVALID', message, path }], draft);
    expect(rows.get(voyages.id)?.get('upTo')).toBe('Must not be less than trips.');
  });

  it('is beside when it is about nothing that has an input of its own', () => {
    expect(refused('').other).toBe('No 0.');
    expect(refused('id').other).toBe('No 0.');
    expect(refused('input.expectedVersion').other).toBe('No 0.');
  });

  it('is beside when it is about a rule of which nothing is finished', () => {
    const nothing = toDraft({ ...emptyGroup(), rules: [newRow()] }, CRITERIA);
    const error = { code: 'TIMEOUT', message: 'It took too long.', path: ['rule'] };
    expect(sorted([error], nothing)).toStrictEqual({
      ...NOTHING_REFUSED,
      other: 'It took too long.',
    });
  });
});

describe('several errors', () => {
  it('are each at their own input', () => {
    const { name, description, rows, other } = refused(
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

  it('are none when there are none', () => {
    expect(refused()).toStrictEqual(NOTHING_REFUSED);
  });
});
