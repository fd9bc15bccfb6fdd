import { type ReactNode, useId } from 'react';
import { currencySign } from '../rule/format';
import type { Field } from '../rule/metadata';
import { parseWholeNumber, stripFormatting } from '../rule/typedNumbers';
import type { Problems, Value, Window } from '../rule/values';
import { useEditor } from './context';
import type { FieldInputProps, FieldProps, InputProps } from './fieldProps';
import { ManyValues, OneValue } from './OfferedValues';
import { TimeWindow } from './TimeWindow';

/** Return the problem of a field or of one of its values; conditions show their own. */
function problemOf(field: Field, problems: Problems): string | undefined {
  const own = problems.get(field.name);
  if (own !== undefined || field.condition) return own;
  return [...problems].find(([path]) => path.startsWith(`${field.name}.`))?.[1];
}

/** A field: its label, the input for its kind, and its problem or its description. */
export function FieldInput(props: FieldProps): ReactNode {
  const { field, problems } = props;
  const editor = useEditor();
  const id = useId();
  const noteId = useId();
  const problem = problemOf(field, problems);
  const input: InputProps = {
    id,
    field,
    value: props.value,
    disabled: editor.readOnly,
    invalid: problem !== undefined,
    describedBy: problem || field.description ? noteId : undefined,
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
            aria-label={`Remove ${field.label}`}
            title="Remove"
            onClick={props.onRemove}
          >
            ×
          </button>
        )}
      </span>
      <Input {...props} input={input} />
      {problem ? (
        <span id={noteId} className="problem">
          {problem}
        </span>
      ) : (
        field.description && (
          <span id={noteId} className="hint">
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
  if (field.options) return <ChoiceInput {...input} />;
  switch (field.kind) {
    case 'COUNT':
      return (
        <span className="affixed">
          <TextInput {...input} mode="numeric" parse={parseWholeNumber} />
          {field.unit && <span>{field.unit}</span>}
        </span>
      );
    case 'MONEY':
      return (
        <span className="affixed">
          <span>{currencySign(shop.currency)}</span>
          <TextInput {...input} mode="decimal" parse={stripFormatting} />
        </span>
      );
    case 'NUMBER':
      return (
        <span className="affixed">
          <TextInput {...input} mode="decimal" parse={stripFormatting} />
          {field.unit && <span>{field.unit}</span>}
        </span>
      );
    case 'DATE':
      return <DateInput {...input} />;
    default:
      return <TextInput {...input} mode="text" parse={(text) => text} />;
  }
}

interface TextInputProps extends InputProps {
  mode: 'numeric' | 'decimal' | 'text';
  parse(text: string): Value;
}

function TextInput({ parse, ...props }: TextInputProps): ReactNode {
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
      onChange={(event) => props.onChange(parse(event.target.value))}
    />
  );
}

function DateInput(props: InputProps): ReactNode {
  const { shop } = useEditor();
  return (
    <input
      id={props.id}
      type="date"
      value={String(props.value ?? '')}
      min={props.field.minimum ?? undefined}
      max={props.field.maximum ?? undefined}
      title={`In the shop's time zone, ${shop.timezone}`}
      disabled={props.disabled}
      aria-invalid={props.invalid || undefined}
      aria-describedby={props.describedBy}
      onChange={(event) => props.onChange(event.target.value)}
    />
  );
}

function ChoiceInput(props: InputProps): ReactNode {
  return (
    <select
      id={props.id}
      value={String(props.value ?? '')}
      disabled={props.disabled}
      aria-invalid={props.invalid || undefined}
      aria-describedby={props.describedBy}
      onChange={(event) => props.onChange(event.target.value)}
    >
      <option value="">Choose</option>
      {props.field.options?.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
