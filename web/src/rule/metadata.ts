/** The API's criteria metadata under shorter names. */

import type { CriteriaQuery } from '../api/generated/graphql';

export type Criterion = CriteriaQuery['criteria'][number];
export type CriterionField = Criterion['fields'][number];
export type ConditionForm = NonNullable<CriterionField['condition']>;
export type Operator = Criterion['operators'][number];
export type Option = NonNullable<CriterionField['options']>[number];

/** A field of a form. A condition's own fields hold no conditions. */
export type Field = Omit<CriterionField, 'condition'> & { condition?: ConditionForm | null };

/** The form of a criterion, or of a condition within it. */
export interface Form {
  operators: readonly Operator[];
  fields: readonly Field[];
}

/** Criteria by key. */
export type Criteria = ReadonlyMap<string, Criterion>;

export function operatorOf(form: Form, name: string): Operator | undefined {
  return form.operators.find((operator) => operator.name === name);
}

/** Return the fields that go with an operator, in the form's order. */
export function fieldsOf(form: Form, operator: string): readonly Field[] {
  return form.fields.filter((field) => field.usedWith.includes(operator));
}
