import { type ReactNode, useState } from 'react';
import type { Field, Option } from '../rule/metadata';
import { isEmpty, type Problems, type Value, type Values, valueIn } from '../rule/values';
import { useEditor } from './context';
import { FieldInput } from './FieldInput';
import type { FieldProps } from './fieldProps';

interface FieldsProps {
  criterion: string;
  /** The path of this form within the criterion's form, with a dot at its end. */
  prefix: string;
  fields: readonly Field[];
  values: Values;
  /** The values of the whole form by path. */
  formValues: Values;
  problems: Problems;
  onChange(name: string, value: Value): void;
  onOption(field: Field, option: Option): void;
  renderConditions?: ((props: FieldProps) => ReactNode) | undefined;
}

/** The inputs of a form; an empty optional one hides behind a button. */
export function Fields(props: FieldsProps): ReactNode {
  const { fields, values, renderConditions } = props;
  const { readOnly } = useEditor();
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const shown = fields.filter(
    (field) => field.required || !isEmpty(valueIn(values, field.name)) || opened.has(field.name),
  );
  const hidden = fields.filter((field) => !shown.includes(field));

  function open(field: Field, form: HTMLElement | null): void {
    setOpened(new Set([...opened, field.name]));
    // Focus the input once React has rendered it.
    setTimeout(() => {
      const input = form?.querySelector(`[data-field="${CSS.escape(field.name)}"]`);
      input?.querySelector<HTMLElement>('input, select, button.add')?.focus();
    });
  }

  function remove(field: Field): void {
    document.activeElement?.closest('.row')?.querySelector('input')?.focus();
    setOpened(new Set([...opened].filter((name) => name !== field.name)));
    props.onChange(field.name, undefined);
  }

  return (
    <>
      {shown.map((field) => (
        <FieldInput
          key={field.name}
          criterion={props.criterion}
          path={props.prefix + field.name}
          field={field}
          value={valueIn(values, field.name)}
          formValues={props.formValues}
          problems={props.problems}
          onChange={(value) => props.onChange(field.name, value)}
          onOption={(option) => props.onOption(field, option)}
          onRemove={field.required || readOnly ? undefined : () => remove(field)}
          renderConditions={renderConditions}
        />
      ))}
      {!readOnly &&
        hidden.map((field) => (
          <button
            key={field.name}
            type="button"
            className="add option"
            title={field.description ?? undefined}
            onClick={(event) => open(field, event.currentTarget.parentElement)}
          >
            + {field.label}
          </button>
        ))}
    </>
  );
}
