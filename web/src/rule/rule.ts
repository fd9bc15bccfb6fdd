/** The rule of the API and the tree that the editor edits, one made of the other without loss. */

import type { Criteria, Form } from './metadata';
import { type Problems, problems, used, type Value, type Values } from './values';

/** A rule as the API takes it: `all`, `any`, `not`, or one criterion by its key. */
export type Rule = { readonly [key: string]: unknown };

/** A row of the editor: a criterion, how to compare, and with what. */
export interface Row {
  id: string;
  field: string;
  operator: string;
  value: Values;
}

/**
 * A group of the editor.
 *
 * One that is `bare` was no list in the rule: the criterion of a rule that has but one, or what a
 * NOT stands before. It is written as it was, unless rows were added to it.
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

/** Whether two rules that the editor wrote are the same. */
export function sameRule(one: Rule, other: Rule): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

let made = 0;

/** An id that no other node of the page has. */
export function newId(): string {
  made += 1;
  return `node-${made}`;
}

export function emptyGroup(): Group {
  return { id: newId(), combinator: 'and', rules: [] };
}

/** The tree of a rule. */
export function fromRule(rule: Rule): Group {
  const node = nodeOf(rule);
  return isGroup(node) ? node : { ...emptyGroup(), bare: true, rules: [node] };
}

function nodeOf(rule: Rule): Node {
  const [[key, value] = ['all', []]] = Object.entries(rule);
  if (key === 'all' || key === 'any') {
    const combinator = key === 'all' ? 'and' : 'or';
    return { id: newId(), combinator, rules: (value as Rule[]).map(nodeOf) };
  }
  if (key === 'not') {
    const inner = nodeOf(value as Rule);
    if (isGroup(inner) && !inner.not) return { ...inner, not: true };
    return { ...emptyGroup(), not: true, bare: true, rules: [inner] };
  }
  const { operator, ...values } = value as Values & { operator: string };
  return { id: newId(), field: key, operator, value: values };
}

/** A tree as a rule, and what is to be said of its nodes. */
export interface Draft {
  /** The rule without what is unfinished; everyone, when nothing is left. */
  rule: Rule;
  /** The paths of nodes in the rule, by their ids; the API names a node by its path. */
  paths: ReadonlyMap<string, string>;
  /** What each unfinished row or group lacks, by its id. */
  unfinished: ReadonlyMap<string, Problems>;
  /** Rows whose criterion is not installed, by their ids. */
  unknown: ReadonlySet<string>;
}

export const EVERYONE: Rule = { all: [] };

/** The path of a node, as one text. */
export function pathKey(path: readonly (string | number)[]): string {
  return path.join('.');
}

/** The rule that a tree stands for, so far. */
export function toDraft(root: Group, criteria: Criteria): Draft {
  const paths = new Map<string, string>();
  const unfinished = new Map<string, Problems>();
  const unknown = new Set<string>();

  function row(node: Row): Rule | null {
    const criterion = criteria.get(node.field);
    if (!node.field) {
      unfinished.set(node.id, new Map([['criterion', 'Pick a criterion.']]));
      return null;
    }
    if (!criterion) {
      unknown.add(node.id);
      return { [node.field]: { operator: node.operator, ...node.value } };
    }
    const found = problems(criterion, { operator: node.operator, values: node.value });
    if (found.size > 0) {
      unfinished.set(node.id, found);
      return null;
    }
    return {
      [node.field]: { operator: node.operator, ...filled(criterion, node.operator, node.value) },
    };
  }

  function group(node: Group, path: (string | number)[]): Rule | null {
    const inner = node.not ? [...path, 'not'] : path;
    const rule = isBare(node) ? of(node.rules[0] as Node, inner) : list(node, inner);
    if (rule === null) return null;
    paths.set(node.id, pathKey(path));
    return node.not ? { not: rule } : rule;
  }

  function list(node: Group, path: (string | number)[]): Rule | null {
    const key = node.combinator === 'and' ? 'all' : 'any';
    const found: Rule[] = [];
    for (const child of node.rules) {
      const rule = of(child, [...path, key, found.length]);
      if (rule !== null) found.push(rule);
    }
    if (node.rules.length === 0 && key === 'any') {
      unfinished.set(node.id, new Map([['rules', 'Add at least one criterion.']]));
    }
    const nothing = found.length === 0 && (node.rules.length > 0 || key === 'any');
    return nothing ? null : { [key]: found };
  }

  function of(node: Node, path: (string | number)[]): Rule | null {
    if (isGroup(node)) return group(node, path);
    const rule = row(node);
    if (rule !== null) paths.set(node.id, pathKey(path));
    return rule;
  }

  const rule = group(root, ['rule']) ?? EVERYONE;
  return { rule, paths, unfinished, unknown };
}

function isBare(group: Group): boolean {
  return group.bare === true && group.rules.length === 1;
}

function filled(criterion: Form, operator: string, values: Values): Record<string, Value> {
  const found = used(criterion, operator, values);
  for (const field of criterion.fields) {
    const items = found[field.name];
    if (field.condition && Array.isArray(items)) {
      const form = field.condition;
      found[field.name] = items.map(({ operator: inner, ...rest }) => ({
        operator: inner,
        ...used(form, inner, rest),
      }));
    }
  }
  return found;
}

/** A row of which nothing is picked. */
export function newRow(): Row {
  return { id: newId(), field: '', operator: '', value: {} };
}

/** A tree in which a row is changed. */
export function changeRow(root: Group, id: string, change: Partial<Row>): Group {
  return {
    ...root,
    rules: root.rules.map((node) => {
      if (isGroup(node)) return changeRow(node, id, change);
      return node.id === id ? { ...node, ...change } : node;
    }),
  };
}

/** The node that a path of the API leads to, and the rest of the path, which is in its form. */
export function locate(
  draft: Draft,
  path: readonly string[],
): { id: string; input: readonly string[] } | null {
  const nodes = new Map<string, string>();
  for (const [id, key] of draft.paths) {
    // A bare group has the path of its row, which came first.
    if (!nodes.has(key)) nodes.set(key, id);
  }
  for (let length = path.length; length > 0; length -= 1) {
    const id = nodes.get(pathKey(path.slice(0, length)));
    // After the node comes the criterion's key, which the row has itself.
    if (id) return { id, input: path.slice(length + 1) };
  }
  return null;
}
