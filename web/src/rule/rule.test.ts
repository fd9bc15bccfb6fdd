import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changeRow,
  type Draft,
  EVERYONE,
  emptyGroup,
  fromRule,
  type Group,
  isGroup,
  locate,
  newRow,
  type Row,
  type Rule,
  toDraft,
} from './rule';
import { CRITERIA, documentOf, nodesOf, rowsOf, rules, rulesInPartUnknown } from './testing';

const BOLD: Rule = { temper: { operator: 'ABOVE', score: '12.5' } };
const KNOWN: Rule = { temper: { operator: 'KNOWN' } };
const SAILED: Rule = { voyages: { operator: 'EXACTLY', trips: 3 } };
const GONE: Rule = { gone: { operator: 'WAS', of: ['it', 1, null] } };

function draftOf(rule: Rule): Draft {
  return toDraft(fromRule(rule), CRITERIA);
}

function row(rule: Rule): Row {
  return fromRule(rule).rules[0] as Row;
}

/** A row that lacks what it compares with. */
function unfinishedRow(): Row {
  return { ...row(SAILED), value: {} };
}

function group(...nodes: Group['rules']): Group {
  return { ...emptyGroup(), rules: nodes };
}

function at(rule: Rule, path: string): unknown {
  const [start, ...steps] = path.split('.');
  expect(start).toBe('rule');
  return steps.reduce<unknown>((found, step) => (found as Record<string, unknown>)[step], rule);
}

/** The paths that the API has for the nodes of a rule, each before those within it. */
function pathsOf(rule: Rule, path = 'rule'): string[] {
  const { all, any, not } = rule as { all?: Rule[]; any?: Rule[]; not?: Rule };
  return [
    path,
    ...(all ?? []).flatMap((inner, place) => pathsOf(inner, `${path}.all.${place}`)),
    ...(any ?? []).flatMap((inner, place) => pathsOf(inner, `${path}.any.${place}`)),
    ...(not ? pathsOf(not, `${path}.not`) : []),
  ];
}

/** The tree with an unfinished row before, after or between the nodes of each of its lists. */
function strewn(node: Group, places: () => number): Group {
  const inner = node.rules.map((each) => (isGroup(each) ? strewn(each, places) : each));
  if (!node.bare && inner.length > 0) {
    inner.splice(places() % (inner.length + 1), 0, unfinishedRow());
  }
  return { ...node, rules: inner };
}

const ONES_OF_NOTE: readonly (readonly [string, Rule])[] = [
  ['a criterion alone', BOLD],
  ['a criterion without values', KNOWN],
  ['NOT of a criterion', { not: BOLD }],
  ['NOT of NOT of a criterion', { not: { not: BOLD } }],
  ['NOT of NOT of NOT of a list', { not: { not: { not: { any: [BOLD, SAILED] } } } }],
  ['everyone', { all: [] }],
  ['nobody', { not: { all: [] } }],
  ['a list of one', { all: [BOLD] }],
  ['a list of one of a list of one', { any: [{ all: [BOLD] }] }],
  ['lists of nothing within lists', { any: [{ all: [] }, { all: [{ all: [] }] }] }],
  ['the same criterion twice', { all: [BOLD, BOLD] }],
];

describe('a rule', () => {
  it.each(ONES_OF_NOTE)('comes back as it was from the tree of it: %s', (_, rule) => {
    expect(draftOf(rule).rule).toStrictEqual(rule);
  });

  it('comes back as it was from the tree of it, whatever it is', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const draft = draftOf(rule);
        expect(draft.rule).toStrictEqual(rule);
        expect(draft.unfinished).toStrictEqual(new Map());
        expect(draft.unknown).toStrictEqual(new Set());
      }),
      { numRuns: 500 },
    );
  });

  it('is the same text while nobody changes it', () => {
    fc.assert(
      fc.property(rulesInPartUnknown, (rule) => {
        expect(JSON.stringify(draftOf(rule).rule)).toBe(JSON.stringify(rule));
      }),
    );
  });

  it('comes back with the criteria that are not installed, and these are told', () => {
    fc.assert(
      fc.property(rulesInPartUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = toDraft(root, CRITERIA);
        expect(draft.rule).toStrictEqual(rule);
        expect(draft.unfinished).toStrictEqual(new Map());
        const gone = rowsOf(root).filter(({ field }) => !CRITERIA.has(field));
        expect(draft.unknown).toStrictEqual(new Set(gone.map(({ id }) => id)));
      }),
    );
  });

  it('becomes a tree in which no two nodes have one id', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const ids = nodesOf(fromRule(rule)).map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });
});

describe('the paths of a draft', () => {
  it('lead each node to its own part of the rule', () => {
    fc.assert(
      fc.property(rulesInPartUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = toDraft(root, CRITERIA);
        const nodes = nodesOf(root);
        expect(draft.paths.size).toBe(nodes.length);
        for (const node of nodes) {
          const path = draft.paths.get(node.id) as string;
          expect(at(draft.rule, path)).toStrictEqual(documentOf(node));
        }
      }),
    );
  });

  it('are those of all nodes of the rule but the lists that a NOT stands before', () => {
    fc.assert(
      fc.property(rulesInPartUnknown, (rule) => {
        const paths = new Set(draftOf(rule).paths.values());
        const missing = pathsOf(rule).filter((path) => !paths.has(path));
        for (const path of missing) {
          expect(path).toMatch(/\.not$/);
          expect(Object.keys(at(rule, path) as Rule)[0]).toMatch(/^(all|any)$/);
        }
        expect(paths.size).toBe(pathsOf(rule).length - missing.length);
      }),
    );
  });

  it('count only what counts', () => {
    const [first, last] = [row(BOLD), row(SAILED)];
    const root = group(unfinishedRow(), first, group(unfinishedRow()), unfinishedRow(), last);
    const { paths } = toDraft(root, CRITERIA);
    expect(paths).toStrictEqual(
      new Map([
        [first.id, 'rule.all.0'],
        [last.id, 'rule.all.1'],
        [root.id, 'rule'],
      ]),
    );
  });
});

describe('a path of the API', () => {
  it('is located at its row, with the input within it', () => {
    fc.assert(
      fc.property(rulesInPartUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = toDraft(root, CRITERIA);
        for (const { id, field } of rowsOf(root)) {
          const path = (draft.paths.get(id) as string).split('.');
          expect(locate(draft, path)).toStrictEqual({ id, input: [] });
          expect(locate(draft, [...path, field])).toStrictEqual({ id, input: [] });
          const within = [...path, field, 'where', '0', 'property'];
          expect(locate(draft, within)).toStrictEqual({ id, input: ['where', '0', 'property'] });
        }
      }),
    );
  });

  it('is located at its group', () => {
    const root = fromRule({ all: [BOLD, { not: { any: [SAILED, KNOWN] } }] });
    const draft = toDraft(root, CRITERIA);
    const inner = root.rules[1] as Group;
    expect(locate(draft, ['rule'])?.id).toBe(root.id);
    expect(locate(draft, ['rule', 'all'])?.id).toBe(root.id);
    expect(locate(draft, ['rule', 'all', '1'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not', 'any'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not', 'any', '1'])?.id).toBe(inner.rules[1]?.id);
  });

  it('is located at the row rather than at the group that only holds it', () => {
    const root = fromRule(BOLD);
    expect(locate(toDraft(root, CRITERIA), ['rule'])?.id).toBe(root.rules[0]?.id);
  });

  it('is not taken for a shorter one that it begins with', () => {
    const root = fromRule({ any: Array.from({ length: 11 }, () => BOLD) });
    const found = locate(toDraft(root, CRITERIA), ['rule', 'any', '10', 'temper', 'score']);
    expect(found).toStrictEqual({ id: root.rules[10]?.id, input: ['score'] });
  });

  it('is located nowhere when it leads into no rule, or nothing counts', () => {
    expect(locate(draftOf(BOLD), ['name'])).toBeNull();
    expect(locate(draftOf(BOLD), [])).toBeNull();
    const nothing = toDraft(group(unfinishedRow()), CRITERIA);
    expect(locate(nothing, ['rule', 'all'])).toBeNull();
  });
});

describe('what is unfinished', () => {
  it('is left out and told, and the rest is as without it', () => {
    const places = fc.infiniteStream(fc.nat(9));
    fc.assert(
      fc.property(rulesInPartUnknown, places, (rule, found) => {
        const before = fromRule(rule);
        const after = strewn(before, () => found.next().value);
        const draft = toDraft(after, CRITERIA);
        expect(draft.rule).toStrictEqual(rule);
        const own = new Set(nodesOf(before).map(({ id }) => id));
        const added = rowsOf(after).filter(({ id }) => !own.has(id));
        expect(new Set(draft.unfinished.keys())).toStrictEqual(new Set(added.map(({ id }) => id)));
        expect(draft.paths).toStrictEqual(toDraft(before, CRITERIA).paths);
      }),
    );
  });

  it('says what it lacks: a criterion, a way to compare, values', () => {
    const empty = newRow();
    const unlike = { ...row(BOLD), operator: 'BELOW' };
    const missing = unfinishedRow();
    const { unfinished } = toDraft(group(empty, unlike, missing), CRITERIA);
    expect([...(unfinished.get(empty.id)?.keys() ?? [])]).toStrictEqual(['criterion']);
    expect([...(unfinished.get(unlike.id)?.keys() ?? [])]).toStrictEqual(['operator']);
    expect([...(unfinished.get(missing.id)?.keys() ?? [])]).toStrictEqual(['trips']);
  });

  it('takes its group with it when the group has nothing else', () => {
    for (const not of [false, true]) {
      const inner = { ...group(unfinishedRow(), group(unfinishedRow())), not };
      expect(toDraft(group(row(BOLD), inner), CRITERIA).rule).toStrictEqual({ all: [BOLD] });
    }
  });

  it('leaves everyone when there is nothing else', () => {
    const bare = { ...group(unfinishedRow()), bare: true };
    for (const root of [group(newRow()), bare, { ...bare, not: true }, group(group(newRow()))]) {
      const draft = toDraft(root, CRITERIA);
      expect(draft.rule).toStrictEqual(EVERYONE);
      expect(draft.paths).toStrictEqual(new Map());
      expect(draft.unfinished.size).toBe(1);
    }
  });

  it('may be a list of alternatives without one, which the API refuses', () => {
    const alternatives: Group = { ...group(), combinator: 'or' };
    const draft = toDraft(group(row(BOLD), alternatives), CRITERIA);
    expect(draft.rule).toStrictEqual({ all: [BOLD] });
    expect([...draft.unfinished.keys()]).toStrictEqual([alternatives.id]);
  });

  it('is not a criterion that is not installed', () => {
    const root = group(row(GONE));
    const draft = toDraft(root, CRITERIA);
    expect(draft.rule).toStrictEqual({ all: [GONE] });
    expect(draft.unfinished.size).toBe(0);
    expect([...draft.unknown]).toStrictEqual([root.rules[0]?.id]);
  });
});

describe('the values of a row', () => {
  it('are not sent where the operator does not use them, or they are empty', () => {
    const values = { trips: 3, upTo: 5, fare: '', within: undefined, other: 'x' };
    const changed = { ...row(SAILED), value: values };
    expect(toDraft(group(changed), CRITERIA).rule).toStrictEqual({ all: [SAILED] });
  });

  it('are not sent where the operator of a condition does not use them', () => {
    const sighted = (...where: unknown[]): Rule => ({
      sightings: { operator: 'OFTEN', name: 'whale', times: 2, where },
    });
    const root = group(
      row(
        sighted(
          { operator: 'THERE', property: 'calf', number: '1', texts: ['x'] },
          { operator: 'ABOVE', property: 'length', number: '20', texts: [] },
        ),
      ),
    );
    const sent = sighted(
      { operator: 'THERE', property: 'calf' },
      { operator: 'ABOVE', property: 'length', number: '20' },
    );
    expect(toDraft(root, CRITERIA).rule).toStrictEqual({ all: [sent] });
  });

  it('stay in the row, for when another operator uses them again', () => {
    const root = group(row({ voyages: { operator: 'FROM_TO', trips: 3, upTo: 5 } }));
    const id = root.rules[0]?.id as string;
    const there = changeRow(root, id, { operator: 'EXACTLY' });
    expect(toDraft(there, CRITERIA).rule).toStrictEqual({ all: [SAILED] });
    const back = changeRow(there, id, { operator: 'FROM_TO' });
    expect(toDraft(back, CRITERIA).rule).toStrictEqual(toDraft(root, CRITERIA).rule);
  });
});

describe('a change of a row', () => {
  it('changes that row, and no other node', () => {
    fc.assert(
      fc.property(rules, fc.nat(), (rule, place) => {
        const root = fromRule(rule);
        const before = structuredClone(root);
        const all = rowsOf(root);
        fc.pre(all.length > 0);
        const { id } = all[place % all.length] as Row;
        const changed = changeRow(root, id, { operator: 'OTHER', value: { x: 1 } });
        expect(root).toStrictEqual(before);
        const other = (row: Row) =>
          row.id === id ? { ...row, operator: 'OTHER', value: { x: 1 } } : row;
        expect(rowsOf(changed)).toStrictEqual(all.map(other));
        const shape = (node: Group) =>
          nodesOf(node).map((each) => (isGroup(each) ? { ...each, rules: null } : each.id));
        expect(shape(changed)).toStrictEqual(shape(root));
      }),
    );
  });

  it('changes nothing where no row has the id', () => {
    const root = fromRule({ all: [BOLD, { any: [SAILED] }] });
    expect(changeRow(root, root.id, { field: 'x' })).toStrictEqual(root);
  });
});

describe('a new row', () => {
  it('makes a list of what was none', () => {
    const root = fromRule(BOLD);
    const more = { ...root, rules: [...root.rules, row(SAILED)] };
    expect(toDraft(more, CRITERIA).rule).toStrictEqual({ all: [BOLD, SAILED] });
    const alternatives: Group = { ...more, combinator: 'or' };
    expect(toDraft(alternatives, CRITERIA).rule).toStrictEqual({ any: [BOLD, SAILED] });
    const complement = fromRule({ not: BOLD });
    const rest = { ...complement, rules: [...complement.rules, row(SAILED)] };
    expect(toDraft(rest, CRITERIA).rule).toStrictEqual({ not: { all: [BOLD, SAILED] } });
  });

  it('comes beside the one that a NOT of a NOT stands before', () => {
    const root = fromRule({ not: { not: BOLD } });
    const rest = { ...root, rules: [...root.rules, row(SAILED)] };
    expect(toDraft(rest, CRITERIA).rule).toStrictEqual({ not: { all: [{ not: BOLD }, SAILED] } });
  });
});
