/** The props that the inputs of a form share. */

import type { ReactNode } from 'react';
import type { Field, Option } from '../rule/metadata';
import type { Problems, Value, Values } from '../rule/values';

/** A field of a criterion's form, or of a condition within it, with its value and its problems. */
export interface FieldProps {
  /** The criterion's key. */
  criterion: string;
  /** The field's path within the criterion's form. */
  path: string;
  field: Field;
  value: Value;
  /** The values of the whole form by path; suggestions may depend on them. */
  formValues: Values;
  /** Problems by the path of the field within its own form. */
  problems: Problems;
  onChange(value: Value): void;
  /** Called when the user picks one of the suggested values. */
  onOption(option: Option): void;
  /** Removes an optional field; undefined for a required one. */
  onRemove?: (() => void) | undefined;
  /** Renders a field that holds conditions. Conditions themselves hold none, so they leave it out. */
  renderConditions?: ((props: FieldProps) => ReactNode) | undefined;
}

/** What every input element needs. */
export interface InputProps {
  id: string;
  field: Field;
  value: Value;
  disabled: boolean;
  invalid: boolean;
  describedBy: string | undefined;
  onChange(value: Value): void;
}

/** A field together with the props of its input element. */
export type FieldInputProps = FieldProps & { input: InputProps };
