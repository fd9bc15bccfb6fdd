/** Made-up criteria with every kind of field, and generators of rules that use them. */

import fc, { type Arbitrary } from 'fast-check';
import {
  type ConditionForm,
  type Criteria,
  type Criterion,
  type CriterionField,
  type Form,
  fieldsOf,
} from './metadata';
import { type Draft, type Group, type Node, type Row, type Rule, toDraft } from './rule';
import { CALENDAR_UNITS, UNITS, type Value, WHICH_PERIOD } from './values';

/** The API's patterns for text that is not blank, for amounts and for numbers. */
const TEXT =
  '[^\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const MONEY = '^[0-9]{1,14}(\\.[0-9]{1,4})?$';
const NUMBER = '^-?[0-9]{1,11}(\\.[0-9]{1,4})?$';

type FieldOptions = Pick<CriterionField, 'name' | 'kind'> & Partial<CriterionField>;

export function field(options: FieldOptions): CriterionField {
  return {
    label: options.name,
    description: null,
    required: true,
    multiple: false,
    maxItems: null,
    minimum: null,
    maximum: null,
    notBelow: null,
    pattern: null,
    unit: null,
    placeholder: null,
    suggests: false,
    usedWith: [],
    options: null,
    condition: null,
    ...options,
  };
}

export const count = (name: string, change: Partial<CriterionField> = {}) =>
  field({ name, kind: 'COUNT', minimum: '0', maximum: '2147483647', ...change });

export const money = (name: string, change: Partial<CriterionField> = {}) =>
  field({
    name,
    kind: 'MONEY',
    minimum: '0',
    maximum: '99999999999999.9999',
    pattern: MONEY,
    ...change,
  });

export const number = (name: string, change: Partial<CriterionField> = {}) =>
  field({
    name,
    kind: 'NUMBER',
    minimum: '-99999999999.9999',
    maximum: '99999999999.9999',
    pattern: NUMBER,
    ...change,
  });

export const date = (name: string, change: Partial<CriterionField> = {}) =>
  field({ name, kind: 'DATE', minimum: '1970-01-01', maximum: '2199-12-31', ...change });

export const text = (name: string, change: Partial<CriterionField> = {}) =>
  field({ name, kind: 'TEXT', pattern: TEXT, ...change });

export const texts = (name: string, change: Partial<CriterionField> = {}) =>
  text(name, { multiple: true, maxItems: 4, ...change });

export const choice = (name: string, change: Partial<CriterionField> = {}) =>
  field({
    name,
    kind: 'CHOICE',
    options: ['RED', 'GREEN', 'BLUE'].map((value) => ({ value, label: value, operators: null })),
    ...change,
  });

export const segment = (name: string, change: Partial<CriterionField> = {}) =>
  field({ name, kind: 'SEGMENT', pattern: '^[A-Za-z0-9_-]{1,100}$', ...change });

export const timeWindow = (name: string, change: Partial<CriterionField> = {}) =>
  field({ name, kind: 'TIME_WINDOW', ...change });

/** Return a form; `operators` names the fields that go with each operator. */
export function form(
  operators: Readonly<Record<string, readonly string[]>>,
  fields: readonly CriterionField[],
): Pick<Criterion, 'operators' | 'fields'> {
  const names = Object.keys(operators);
  return {
    operators: names.map((name) => ({
      name,
      label: name.toLowerCase(),
    })),
    fields: fields.map((each) => ({
      ...each,
      usedWith: names.filter((name) => operators[name]?.includes(each.name)),
    })),
  };
}

export const conditions = (name: string, change: Partial<CriterionField> = {}) => {
  const condition: ConditionForm = {
    ...form({ AMONG: ['property', 'texts'], ABOVE: ['property', 'number'], THERE: ['property'] }, [
      text('property'),
      texts('texts'),
      number('number'),
    ]),
  };
  return field({ name, kind: 'CONDITION', multiple: true, maxItems: 3, condition, ...change });
};

function criterion(key: string, parts: Pick<Criterion, 'operators' | 'fields'>): Criterion {
  return { key, label: key, description: '', group: 'OTHER', ...parts };
}

const OPTIONAL = { required: false };

const ALL: readonly Criterion[] = [
  criterion(
    'voyages',
    form({ EXACTLY: ['trips', 'fare', 'within'], FROM_TO: ['trips', 'upTo', 'fare', 'within'] }, [
      count('trips'),
      count('upTo'),
      money('fare', OPTIONAL),
      timeWindow('within', OPTIONAL),
    ]),
  ),
  criterion(
    'temper',
    form({ ABOVE: ['score'], COLORED: ['color', 'moods'], SINCE: ['day'], KNOWN: [] }, [
      number('score'),
      choice('color'),
      choice('moods', { ...OPTIONAL, multiple: true, maxItems: 2 }),
      date('day'),
    ]),
  ),
  criterion(
    'sightings',
    form({ OFTEN: ['name', 'times', 'where'], NAMED: ['name', 'aliases'] }, [
      text('name'),
      count('times', { minimum: '1' }),
      texts('aliases'),
      conditions('where', OPTIONAL),
    ]),
  ),
  criterion('crew', form({ IS: ['segment'], IS_NOT: ['segment'] }, [segment('segment')])),
];

export const CRITERIA: Criteria = new Map(ALL.map((each) => [each.key, each]));

export function draftOf(root: Group): Draft {
  return toDraft(root, CRITERIA, 'GBP');
}

const digits = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });

const decimal = (whole: number) =>
  fc
    .tuple(digits(1, whole), fc.option(digits(1, 4)))
    .map(([before, after]) => (after === null ? before : `${before}.${after}`));

const day = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true })
  .map((instant) => instant.toISOString().slice(0, 10));

const notBlank = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((value) => new RegExp(TEXT, 'u').test(value));

const duration = fc
  .constantFrom(...Object.entries(UNITS))
  .chain(([unit, most]) =>
    fc.integer({ min: 1, max: most }).map((times) => ({ count: times, unit })),
  );

const window: Arbitrary<Value> = fc.oneof(
  duration.map((last) => ({ last })),
  duration.map((beforeAgo) => ({ beforeAgo })),
  fc
    .tuple(fc.constantFrom(...WHICH_PERIOD), fc.constantFrom(...CALENDAR_UNITS))
    .map(([which, unit]) => ({ calendar: { which, unit } })),
  day.map((since) => ({ since })),
  day.map((before) => ({ before })),
  fc.tuple(day, day).map((days) => {
    const [from, to] = days.toSorted();
    return { between: { from, to } };
  }),
);

function oneValue(field: CriterionField): Arbitrary<Value> {
  switch (field.kind) {
    case 'COUNT':
      return fc.integer({ min: Number(field.minimum), max: Number(field.maximum) });
    case 'MONEY':
      return decimal(14);
    case 'NUMBER':
      return fc.tuple(fc.constantFrom('', '-'), decimal(11)).map((parts) => parts.join(''));
    case 'DATE':
      return day;
    case 'TEXT':
      return notBlank;
    case 'CHOICE':
      return fc.constantFrom(...(field.options ?? []).map(({ value }) => value));
    case 'SEGMENT':
      return fc.base64String({ minLength: 4, maxLength: 12 }).map((id) => id.replace(/\W/g, '-'));
    case 'TIME_WINDOW':
      return window;
    case 'CONDITION':
      return filledForm(field.condition as Form);
  }
}

function values(field: CriterionField): Arbitrary<Value> {
  const one = oneValue(field);
  if (!field.multiple) return one;
  return fc.array(one, { minLength: 1, maxLength: field.maxItems ?? 4 });
}

/** A filled-in form as the API takes it, with its fields in any order. */
function filledForm(form: Form): Arbitrary<Record<string, Value>> {
  return fc.constantFrom(...form.operators).chain((operator) => {
    const fields = fieldsOf(form, operator.name);
    const entries = fields.map((each) => {
      const entry = values(each as CriterionField).map((value) => [each.name, value] as const);
      return each.required ? entry : fc.option(entry);
    });
    return fc
      .tuple(...entries)
      .map((found) => found.filter((entry) => entry !== null))
      .chain((found) =>
        fc.shuffledSubarray(found, { minLength: found.length, maxLength: found.length }),
      )
      .map((found) => ({ operator: operator.name, ...Object.fromEntries(found) }));
  });
}

const known: Arbitrary<Rule> = fc
  .constantFrom(...ALL)
  .chain((each) => filledForm(each).map((value) => ({ [each.key]: value })));

const unknown: Arbitrary<Rule> = fc
  .tuple(fc.constantFrom('gone', 'left'), notBlank, fc.array(fc.jsonValue(), { maxLength: 3 }))
  .map(([key, operator, found]) => ({
    [key]: { operator, ...Object.fromEntries(found.map((value, index) => [`of${index}`, value])) },
  }));

function nested(leaf: Arbitrary<Rule>): Arbitrary<Rule> {
  return fc.letrec<{ rule: Rule }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: 5, depthSize: 'large' },
      leaf,
      fc.array(tie('rule'), { maxLength: 4 }).map((all) => ({ all })),
      fc.array(tie('rule'), { minLength: 1, maxLength: 4 }).map((any) => ({ any })),
      tie('rule').map((not) => ({ not })),
    ),
  })).rule;
}

/** Rules that use the criteria above. */
export const rules = nested(known);

/** Rules that also use criteria that are not installed. */
export const rulesWithUnknown = nested(fc.oneof(known, unknown));

/** Return the rule of a node without unfinished parts. */
export function ruleOf(node: Node): Rule {
  if (!('rules' in node)) return { [node.field]: { operator: node.operator, ...node.value } };
  const inner = node.rules.map(ruleOf);
  const [only] = inner;
  const list = { [node.combinator === 'and' ? 'all' : 'any']: inner };
  const rule = node.bare && only && inner.length === 1 ? only : list;
  return node.not ? { not: rule } : rule;
}

export function nodesOf(node: Node): Node[] {
  return 'rules' in node ? [node, ...node.rules.flatMap(nodesOf)] : [node];
}

export function rowsOf(group: Group): Row[] {
  return nodesOf(group).filter((node) => !('rules' in node)) as Row[];
}
