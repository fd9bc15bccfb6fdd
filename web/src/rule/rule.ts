/** The API's rule and the editor's tree; each converts to the other without loss. */

import type { Criteria, Form } from './metadata';
import { findProblems, type Problems, usedValues, type Value, type Values } from './values';

/** A rule as the API writes it: `all`, `any`, `not`, or one criterion by its key. */
export type Rule = { readonly [key: string]: unknown };

/** A condition in the editor. The names of its properties are react-querybuilder's. */
export interface Row {
  id: string;
  /** The criterion's key; empty until the user picks a criterion. */
  field: string;
  operator: string;
  value: Values;
}

/**
 * A group in the editor.
 *
 * A `bare` group stands for no list in the rule: it holds the rule's only criterion, or what a NOT
 * negates. It is written without a list again unless rows have been added to it.
 */
export interface Group {
  id: string;
  combinator: 'and' | 'or';
  not?: boolean;
  bare?: boolean;
  rules: (Row | Group)[];
}

export type Node = Row | Group;

export function isGroup(node: Node): node is Group {
  return 'rules' in node;
}

/** Return whether two rules that the editor wrote are equal. */
export function sameRule(one: Rule, other: Rule): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

let lastId = 0;

/** Return an id that no other node of the page has. */
export function newId(): string {
  lastId += 1;
  return `node-${lastId}`;
}

export function emptyGroup(): Group {
  return { id: newId(), combinator: 'and', rules: [] };
}

/** Return a row whose criterion is still to be picked. */
export function newRow(): Row {
  return { id: newId(), field: '', operator: '', value: {} };
}

/** Return the tree of a rule. */
export function fromRule(rule: Rule): Group {
  const node = toNode(rule);
  return isGroup(node) ? node : { ...emptyGroup(), bare: true, rules: [node] };
}

function toNode(rule: Rule): Node {
  const [[key, value] = ['all', []]] = Object.entries(rule);
  if (key === 'all' || key === 'any') {
    const combinator = key === 'all' ? 'and' : 'or';
    return { id: newId(), combinator, rules: (value as Rule[]).map(toNode) };
  }
  if (key === 'not') {
    const inner = toNode(value as Rule);
    if (isGroup(inner) && !inner.not) return { ...inner, not: true };
    return { ...emptyGroup(), not: true, bare: true, rules: [inner] };
  }
  const { operator, ...values } = value as Values & { operator: string };
  return { id: newId(), field: key, operator, value: values };
}

/** A tree as a rule, with what the editor needs to know about its nodes. */
export interface Draft {
  /** The rule without unfinished nodes; the rule for everyone when no other node is left. */
  rule: Rule;
  /** Paths into the rule by node id. The API names the parts of a rule by their paths. */
  paths: ReadonlyMap<string, string>;
  /** What is missing or invalid, by the id of the unfinished row or group. */
  unfinished: ReadonlyMap<string, Problems>;
  /** Ids of rows whose criterion is not installed. */
  unknown: ReadonlySet<string>;
}

/** The rule that every contact matches. */
export const EVERYONE: Rule = { all: [] };

export function pathKey(path: readonly (string | number)[]): string {
  return path.join('.');
}

/** Return the rule that a tree stands for so far; amounts in messages are in `currency`. */
export function toDraft(root: Group, criteria: Criteria, currency: string): Draft {
  const paths = new Map<string, string>();
  const unfinished = new Map<string, Problems>();
  const unknown = new Set<string>();

  function rowRule(row: Row): Rule | null {
    const criterion = criteria.get(row.field);
    if (!row.field) {
      unfinished.set(row.id, new Map([['criterion', 'Choose a condition']]));
      return null;
    }
    if (!criterion) {
      unknown.add(row.id);
      return { [row.field]: { operator: row.operator, ...row.value } };
    }
    const filled = { operator: row.operator, values: row.value };
    const problems = findProblems(criterion, filled, currency);
    if (problems.size > 0) {
      unfinished.set(row.id, problems);
      return null;
    }
    return {
      [row.field]: { operator: row.operator, ...sentValues(criterion, row.operator, row.value) },
    };
  }

  function groupRule(group: Group, path: (string | number)[]): Rule | null {
    const inner = group.not ? [...path, 'not'] : path;
    const rule = isBare(group) ? nodeRule(group.rules[0] as Node, inner) : listRule(group, inner);
    if (rule === null) return null;
    paths.set(group.id, pathKey(path));
    return group.not ? { not: rule } : rule;
  }

  function listRule(group: Group, path: (string | number)[]): Rule | null {
    const key = group.combinator === 'and' ? 'all' : 'any';
    const rules: Rule[] = [];
    for (const child of group.rules) {
      const rule = nodeRule(child, [...path, key, rules.length]);
      if (rule !== null) rules.push(rule);
    }
    if (group.rules.length === 0 && key === 'any') {
      unfinished.set(group.id, new Map([['rules', 'Add at least one condition']]));
    }
    const nothingCounts = rules.length === 0 && (group.rules.length > 0 || key === 'any');
    return nothingCounts ? null : { [key]: rules };
  }

  function nodeRule(node: Node, path: (string | number)[]): Rule | null {
    if (isGroup(node)) return groupRule(node, path);
    const rule = rowRule(node);
    if (rule !== null) paths.set(node.id, pathKey(path));
    return rule;
  }

  const rule = groupRule(root, ['rule']) ?? EVERYONE;
  return { rule, paths, unfinished, unknown };
}

function isBare(group: Group): boolean {
  return group.bare === true && group.rules.length === 1;
}

/** Return a form's used values, with those of its conditions cleaned in the same way. */
function sentValues(criterion: Form, operator: string, values: Values): Record<string, Value> {
  const sent = usedValues(criterion, operator, values);
  for (const field of criterion.fields) {
    const items = sent[field.name];
    if (field.condition && Array.isArray(items)) {
      const form = field.condition;
      sent[field.name] = items.map(({ operator: inner, ...rest }) => ({
        operator: inner,
        ...usedValues(form, inner, rest),
      }));
    }
  }
  return sent;
}

/** Return the tree with one row changed. */
export function changeRow(root: Group, id: string, change: Partial<Row>): Group {
  return {
    ...root,
    rules: root.rules.map((node) => {
      if (isGroup(node)) return changeRow(node, id, change);
      return node.id === id ? { ...node, ...change } : node;
    }),
  };
}

/** Return the node that an API path leads to, and the rest of the path, which is within its form. */
export function locate(
  draft: Draft,
  path: readonly string[],
): { id: string; input: readonly string[] } | null {
  const nodes = new Map<string, string>();
  for (const [id, key] of draft.paths) {
    // A bare group shares its path with its row, which comes first.
    if (!nodes.has(key)) nodes.set(key, id);
  }
  for (let length = path.length; length > 0; length -= 1) {
    const id = nodes.get(pathKey(path.slice(0, length)));
    // The next step is the criterion's key, which is no part of the form.
    if (id) return { id, input: path.slice(length + 1) };
  }
  return null;
}
