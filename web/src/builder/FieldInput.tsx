/** The input of a field, by its kind. */

import { type ReactNode, useId } from 'react';
import type { Field } from '../rule/metadata';
import { parseWholeNumber, stripFormatting } from '../rule/typedNumbers';
import type { Problems, Value, Window } from '../rule/values';
import { currencySign } from '../rule/words';
import { useEditor } from './context';
import type { FieldInputProps, FieldProps, InputProps } from './fieldProps';
import { ManyValues, OneValue } from './OfferedValues';
import { TimeWindow } from './TimeWindow';

/** What is wrong with a field, or with one of its values; conditions show theirs by themselves. */
function problemOf(field: Field, problems: Problems): string | undefined {
  const own = problems.get(field.name);
  if (own !== undefined || field.condition) return own;
  return [...problems].find(([path]) => path.startsWith(`${field.name}.`))?.[1];
}

export function FieldInput(props: FieldProps): ReactNode {
  const { field, problems } = props;
  const editor = useEditor();
  const id = useId();
  const note = useId();
  const problem = problemOf(field, problems);
  const input: InputProps = {
    id,
    field,
    value: props.value,
    disabled: editor.readOnly,
    invalid: problem !== undefined,
    describedBy: problem || field.description ? note : undefined,
    onChange: props.onChange,
  };
  return (
    <div className={`input kind-${field.kind.toLowerCase()}`} data-field={field.name}>
      <span className="input-label">
        <label htmlFor={id} title={field.description ?? undefined}>
          {field.label}
        </label>
        {props.onRemove && (
          <button
            type="button"
            className="icon small"
            aria-label={`Leave out: ${field.label}`}
            title="Leave out"
            onClick={props.onRemove}
          >
            ×
          </button>
        )}
      </span>
      <Input {...props} input={input} />
      {problem ? (
        <span id={note} className="problem">
          {problem}
        </span>
      ) : (
        field.description && (
          <span id={note} className="hint">
            {field.description}
          </span>
        )
      )}
    </div>
  );
}

function Input(props: FieldInputProps): ReactNode {
  const { field, input, value } = props;
  const { shop } = useEditor();
  if (field.kind === 'CONDITION') return props.renderConditions?.(props);
  if (field.kind === 'TIME_WINDOW') return <TimeWindow {...input} value={value as Window} />;
  if (field.multiple) return <ManyValues {...props} />;
  if (field.suggests || field.kind === 'SEGMENT') return <OneValue {...props} />;
  if (field.options) return <Select {...input} />;
  switch (field.kind) {
    case 'COUNT':
      return (
        <span className="affixed">
          <Typed {...input} mode="numeric" read={parseWholeNumber} />
          {field.unit && <span>{field.unit}</span>}
        </span>
      );
    case 'MONEY':
      return (
        <span className="affixed">
          <span>{currencySign(shop.currency)}</span>
          <Typed {...input} mode="decimal" />
        </span>
      );
    case 'NUMBER':
      return (
        <span className="affixed">
          <Typed {...input} mode="decimal" />
          {field.unit && <span>{field.unit}</span>}
        </span>
      );
    case 'DATE':
      return <Day {...input} />;
    default:
      return <Typed {...input} mode="text" />;
  }
}

interface TypedProps extends InputProps {
  mode: 'numeric' | 'decimal' | 'text';
  read?: (text: string) => Value;
}

function Typed({ read = stripFormatting, ...props }: TypedProps): ReactNode {
  return (
    <input
      id={props.id}
      type="text"
      inputMode={props.mode}
      autoComplete="off"
      value={String(props.value ?? '')}
      placeholder={props.field.placeholder ?? undefined}
      disabled={props.disabled}
      aria-invalid={props.invalid || undefined}
      aria-describedby={props.describedBy}
      onChange={(event) =>
        props.onChange(props.mode === 'text' ? event.target.value : read(event.target.value))
      }
    />
  );
}

function Day(props: InputProps): ReactNode {
  const { shop } = useEditor();
  return (
    <input
      id={props.id}
      type="date"
      value={String(props.value ?? '')}
      min={props.field.minimum ?? undefined}
      max={props.field.maximum ?? undefined}
      title={`A day in ${shop.timezone}`}
      disabled={props.disabled}
      aria-invalid={props.invalid || undefined}
      aria-describedby={props.describedBy}
      onChange={(event) => props.onChange(event.target.value)}
    />
  );
}

function Select(props: InputProps): ReactNode {
  return (
    <select
      id={props.id}
      value={String(props.value ?? '')}
      disabled={props.disabled}
      aria-invalid={props.invalid || undefined}
      aria-describedby={props.describedBy}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">Pick</option>
      {props.field.options?.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
