/** What the API says of criteria, in the words of this page. */

import type { CriteriaQuery } from '../api/generated/graphql';

export type Criterion = CriteriaQuery['criteria'][number];
export type CriterionField = Criterion['fields'][number];
export type ConditionForm = NonNullable<CriterionField['condition']>;
export type Operator = Criterion['operators'][number];
export type Option = NonNullable<CriterionField['options']>[number];

/** An input; one of a condition has no conditions itself. */
export type Field = Omit<CriterionField, 'condition'> & { condition?: ConditionForm | null };

/** A form: a criterion's, or that of a condition within it. */
export interface Form {
  operators: readonly Operator[];
  fields: readonly Field[];
}

export type Criteria = ReadonlyMap<string, Criterion>;

export function operatorOf(form: Form, name: string): Operator | undefined {
  return form.operators.find((operator) => operator.name === name);
}

/** The inputs that a form shows with an operator, in order. */
export function fieldsOf(form: Form, operator: string): readonly Field[] {
  return form.fields.filter((field) => field.usedWith.includes(operator));
}
