/** Rules in the editor: long because each change of the tree is a case. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changeRow,
  EVERYONE,
  emptyGroup,
  fromRule,
  type Group,
  isGroup,
  locate,
  newRow,
  type Row,
  type Rule,
} from './rule';
import { CRITERIA, draftOf, nodesOf, rowsOf, ruleOf, rules, rulesWithUnknown } from './testing';

const BOLD: Rule = { temper: { operator: 'ABOVE', score: '12.5' } };
const KNOWN: Rule = { temper: { operator: 'KNOWN' } };
const SAILED: Rule = { voyages: { operator: 'EXACTLY', trips: 3 } };
const GONE: Rule = { gone: { operator: 'WAS', of: ['it', 1, null] } };

function row(rule: Rule): Row {
  return fromRule(rule).rules[0] as Row;
}

/** Return a row without the value that its operator needs. */
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

/** Return the API's paths of a rule's nodes, each before its children's. */
function pathsOf(rule: Rule, path = 'rule'): string[] {
  const { all, any, not } = rule as { all?: Rule[]; any?: Rule[]; not?: Rule };
  return [
    path,
    ...(all ?? []).flatMap((inner, index) => pathsOf(inner, `${path}.all.${index}`)),
    ...(any ?? []).flatMap((inner, index) => pathsOf(inner, `${path}.any.${index}`)),
    ...(not ? pathsOf(not, `${path}.not`) : []),
  ];
}

/** Return the tree with an unfinished row inserted somewhere into each of its lists. */
function withUnfinishedRows(node: Group, nextNumber: () => number): Group {
  const inner = node.rules.map((each) =>
    isGroup(each) ? withUnfinishedRows(each, nextNumber) : each,
  );
  if (!node.bare && inner.length > 0) {
    inner.splice(nextNumber() % (inner.length + 1), 0, unfinishedRow());
  }
  return { ...node, rules: inner };
}

const EDGE_CASES: readonly (readonly [string, Rule])[] = [
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
  it.each(EDGE_CASES)('survives the conversion to a tree and back: %s', (_, rule) => {
    expect(draftOf(fromRule(rule)).rule).toStrictEqual(rule);
  });

  it('survives the conversion to a tree and back, whatever it is', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const draft = draftOf(fromRule(rule));
        expect(draft.rule).toStrictEqual(rule);
        expect(draft.unfinished).toStrictEqual(new Map());
        expect(draft.unknown).toStrictEqual(new Set());
      }),
      { numRuns: 500 },
    );
  });

  it('serializes to the same text while it is unchanged', () => {
    fc.assert(
      fc.property(rulesWithUnknown, (rule) => {
        expect(JSON.stringify(draftOf(fromRule(rule)).rule)).toBe(JSON.stringify(rule));
      }),
    );
  });

  it('keeps criteria that are not installed, and reports their rows', () => {
    fc.assert(
      fc.property(rulesWithUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = draftOf(root);
        expect(draft.rule).toStrictEqual(rule);
        expect(draft.unfinished).toStrictEqual(new Map());
        const gone = rowsOf(root).filter(({ field }) => !CRITERIA.has(field));
        expect(draft.unknown).toStrictEqual(new Set(gone.map(({ id }) => id)));
      }),
    );
  });

  it('becomes a tree whose nodes have unique ids', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const ids = nodesOf(fromRule(rule)).map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });
});

describe('the paths of a draft', () => {
  it('lead to the part of the rule that each node stands for', () => {
    fc.assert(
      fc.property(rulesWithUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = draftOf(root);
        const nodes = nodesOf(root);
        expect(draft.paths.size).toBe(nodes.length);
        for (const node of nodes) {
          const path = draft.paths.get(node.id) as string;
          expect(at(draft.rule, path)).toStrictEqual(ruleOf(node));
        }
      }),
    );
  });

  it('cover every node of the rule except the lists under a NOT', () => {
    fc.assert(
      fc.property(rulesWithUnknown, (rule) => {
        const paths = new Set(draftOf(fromRule(rule)).paths.values());
        const missing = pathsOf(rule).filter((path) => !paths.has(path));
        for (const path of missing) {
          expect(path).toMatch(/\.not$/);
          expect(Object.keys(at(rule, path) as Rule)[0]).toMatch(/^(all|any)$/);
        }
        expect(paths.size).toBe(pathsOf(rule).length - missing.length);
      }),
    );
  });

  it('skip unfinished rows when they number the others', () => {
    const [first, last] = [row(BOLD), row(SAILED)];
    const root = group(unfinishedRow(), first, group(unfinishedRow()), unfinishedRow(), last);
    const { paths } = draftOf(root);
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
  it('leads to a row and to an input of its form', () => {
    fc.assert(
      fc.property(rulesWithUnknown, (rule) => {
        const root = fromRule(rule);
        const draft = draftOf(root);
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

  it('leads to a group', () => {
    const root = fromRule({ all: [BOLD, { not: { any: [SAILED, KNOWN] } }] });
    const draft = draftOf(root);
    const inner = root.rules[1] as Group;
    expect(locate(draft, ['rule'])?.id).toBe(root.id);
    expect(locate(draft, ['rule', 'all'])?.id).toBe(root.id);
    expect(locate(draft, ['rule', 'all', '1'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not', 'any'])?.id).toBe(inner.id);
    expect(locate(draft, ['rule', 'all', '1', 'not', 'any', '1'])?.id).toBe(inner.rules[1]?.id);
  });

  it('leads to the row rather than to the bare group around it', () => {
    const root = fromRule(BOLD);
    expect(locate(draftOf(root), ['rule'])?.id).toBe(root.rules[0]?.id);
  });

  it('is not confused with another path that is a prefix of it', () => {
    const root = fromRule({ any: Array.from({ length: 11 }, () => BOLD) });
    const found = locate(draftOf(root), ['rule', 'any', '10', 'temper', 'score']);
    expect(found).toStrictEqual({ id: root.rules[10]?.id, input: ['score'] });
  });

  it('leads nowhere outside the rule or when no row counts', () => {
    expect(locate(draftOf(fromRule(BOLD)), ['name'])).toBeNull();
    expect(locate(draftOf(fromRule(BOLD)), [])).toBeNull();
    const nothing = draftOf(group(unfinishedRow()));
    expect(locate(nothing, ['rule', 'all'])).toBeNull();
  });
});

describe('an unfinished node', () => {
  it('is left out and reported, without an effect on the others', () => {
    const numbers = fc.infiniteStream(fc.nat(9));
    fc.assert(
      fc.property(rulesWithUnknown, numbers, (rule, found) => {
        const before = fromRule(rule);
        const after = withUnfinishedRows(before, () => found.next().value);
        const draft = draftOf(after);
        expect(draft.rule).toStrictEqual(rule);
        const own = new Set(nodesOf(before).map(({ id }) => id));
        const added = rowsOf(after).filter(({ id }) => !own.has(id));
        expect(new Set(draft.unfinished.keys())).toStrictEqual(new Set(added.map(({ id }) => id)));
        expect(draft.paths).toStrictEqual(draftOf(before).paths);
      }),
    );
  });

  it('reports what it lacks: a criterion, an operator or values', () => {
    const empty = newRow();
    const unlike = { ...row(BOLD), operator: 'BELOW' };
    const missing = unfinishedRow();
    const { unfinished } = draftOf(group(empty, unlike, missing));
    expect([...(unfinished.get(empty.id)?.keys() ?? [])]).toStrictEqual(['criterion']);
    expect([...(unfinished.get(unlike.id)?.keys() ?? [])]).toStrictEqual(['operator']);
    expect([...(unfinished.get(missing.id)?.keys() ?? [])]).toStrictEqual(['trips']);
  });

  it('makes its group unfinished when the group has no other node', () => {
    for (const not of [false, true]) {
      const inner = { ...group(unfinishedRow(), group(unfinishedRow())), not };
      expect(draftOf(group(row(BOLD), inner)).rule).toStrictEqual({ all: [BOLD] });
    }
  });

  it('leaves the rule for everyone when there is no other node', () => {
    const bare = { ...group(unfinishedRow()), bare: true };
    for (const root of [group(newRow()), bare, { ...bare, not: true }, group(group(newRow()))]) {
      const draft = draftOf(root);
      expect(draft.rule).toStrictEqual(EVERYONE);
      expect(draft.paths).toStrictEqual(new Map());
      expect(draft.unfinished.size).toBe(1);
    }
  });

  it('can be an empty OR group, which the API refuses', () => {
    const alternatives: Group = { ...group(), combinator: 'or' };
    const draft = draftOf(group(row(BOLD), alternatives));
    expect(draft.rule).toStrictEqual({ all: [BOLD] });
    expect([...draft.unfinished.keys()]).toStrictEqual([alternatives.id]);
  });

  it('is something else than a row whose criterion is not installed', () => {
    const root = group(row(GONE));
    const draft = draftOf(root);
    expect(draft.rule).toStrictEqual({ all: [GONE] });
    expect(draft.unfinished.size).toBe(0);
    expect([...draft.unknown]).toStrictEqual([root.rules[0]?.id]);
  });
});

describe('the values of a row', () => {
  it('are not sent if they are empty or the operator does not use them', () => {
    const values = { trips: 3, upTo: 5, fare: '', within: undefined, other: 'x' };
    const changed = { ...row(SAILED), value: values };
    expect(draftOf(group(changed)).rule).toStrictEqual({ all: [SAILED] });
  });

  it('are not sent if the operator of a condition does not use them', () => {
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
    expect(draftOf(root).rule).toStrictEqual({ all: [sent] });
  });

  it('stay in the row until an operator uses them again', () => {
    const root = group(row({ voyages: { operator: 'FROM_TO', trips: 3, upTo: 5 } }));
    const id = root.rules[0]?.id as string;
    const there = changeRow(root, id, { operator: 'EXACTLY' });
    expect(draftOf(there).rule).toStrictEqual({ all: [SAILED] });
    const back = changeRow(there, id, { operator: 'FROM_TO' });
    expect(draftOf(back).rule).toStrictEqual(draftOf(root).rule);
  });
});

describe('changeRow', () => {
  it('changes one row and no other node', () => {
    fc.assert(
      fc.property(rules, fc.nat(), (rule, index) => {
        const root = fromRule(rule);
        const before = structuredClone(root);
        const all = rowsOf(root);
        fc.pre(all.length > 0);
        const { id } = all[index % all.length] as Row;
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

  it('changes nothing if no row has the id', () => {
    const root = fromRule({ all: [BOLD, { any: [SAILED] }] });
    expect(changeRow(root, root.id, { field: 'x' })).toStrictEqual(root);
  });
});

describe('a new row', () => {
  it('turns a bare group into a list', () => {
    const root = fromRule(BOLD);
    const more = { ...root, rules: [...root.rules, row(SAILED)] };
    expect(draftOf(more).rule).toStrictEqual({ all: [BOLD, SAILED] });
    const alternatives: Group = { ...more, combinator: 'or' };
    expect(draftOf(alternatives).rule).toStrictEqual({ any: [BOLD, SAILED] });
    const complement = fromRule({ not: BOLD });
    const rest = { ...complement, rules: [...complement.rules, row(SAILED)] };
    expect(draftOf(rest).rule).toStrictEqual({ not: { all: [BOLD, SAILED] } });
  });

  it('joins the inner rule of a NOT of a NOT', () => {
    const root = fromRule({ not: { not: BOLD } });
    const rest = { ...root, rules: [...root.rules, row(SAILED)] };
    expect(draftOf(rest).rule).toStrictEqual({ not: { all: [{ not: BOLD }, SAILED] } });
  });
});
