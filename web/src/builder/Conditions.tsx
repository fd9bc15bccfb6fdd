import { type ReactNode, useState } from 'react';
import { type ConditionForm, type Field, fieldsOf, type Option } from '../rule/metadata';
import { newId } from '../rule/rule';
import type { Problems, Values } from '../rule/values';
import { useEditor } from './context';
import { Fields } from './Fields';
import type { FieldProps } from './fieldProps';
import { OperatorSelect } from './OperatorSelect';

type Item = Values & { operator: string };

/** A field of the kind CONDITION: a list of small forms, which the page calls filters. */
export function Conditions(props: FieldProps): ReactNode {
  const { field, path, formValues, onChange } = props;
  const { readOnly } = useEditor();
  const form = field.condition as ConditionForm;
  const items = (props.value ?? []) as readonly Item[];
  const [ids, setIds] = useState(() => items.map(newId));
  const otherValues = Object.fromEntries(
    Object.entries(formValues).filter(([name]) => name !== field.name),
  );

  function change(position: number, item: Item): void {
    onChange(items.map((other, index) => (index === position ? item : other)));
  }

  return (
    <fieldset className="conditions" aria-label={field.label}>
      {items.map((item, position) => (
        <FilterForm
          key={ids[position]}
          form={form}
          item={item}
          criterion={props.criterion}
          path={path}
          formValues={{ ...otherValues, ...valuesByPath(path, item) }}
          problems={problemsUnder(props.problems, `${field.name}.${position}.`)}
          onChange={(changed) => change(position, changed)}
          onRemove={() => {
            setIds(ids.filter((_, index) => index !== position));
            onChange(items.filter((_, index) => index !== position));
          }}
        />
      ))}
      {!readOnly && (field.maxItems === null || items.length < field.maxItems) && (
        <button
          type="button"
          className="add option"
          onClick={() => {
            setIds([...ids, newId()]);
            onChange([...items, { operator: form.operators[0]?.name ?? '' }]);
          }}
        >
          + Add filter
        </button>
      )}
    </fieldset>
  );
}

function valuesByPath(path: string, item: Item): Values {
  return Object.fromEntries(
    Object.entries(item)
      .filter(([name]) => name !== 'operator')
      .map(([name, value]) => [`${path}.${name}`, value]),
  );
}

/** Return the problems whose paths start with a prefix, without that prefix. */
function problemsUnder(problems: Problems, prefix: string): Problems {
  return new Map(
    [...problems]
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, message]) => [path.slice(prefix.length), message]),
  );
}

interface FilterFormProps {
  form: ConditionForm;
  item: Item;
  criterion: string;
  path: string;
  formValues: Values;
  problems: Problems;
  onChange(item: Item): void;
  onRemove(): void;
}

function FilterForm({ form, item, onChange, ...props }: FilterFormProps): ReactNode {
  const { readOnly } = useEditor();
  const [suited, setSuited] = useState<readonly string[] | null>(null);
  const { operator, ...values } = item;

  /** Take a suggestion, and an operator that suits it. */
  function takeOption(field: Field, option: Option): void {
    setSuited(option.operators);
    const fits = !option.operators || option.operators.includes(operator);
    onChange({
      ...item,
      operator: fits ? operator : (option.operators?.[0] ?? operator),
      [field.name]: option.value,
    });
  }

  return (
    <div className="condition">
      <OperatorSelect
        form={form}
        operator={operator}
        suited={suited}
        disabled={readOnly}
        problem={props.problems.get('operator')}
        onChange={(changed) => onChange({ ...item, operator: changed })}
      />
      <Fields
        criterion={props.criterion}
        prefix={`${props.path}.`}
        fields={fieldsOf(form, operator)}
        values={values}
        formValues={props.formValues}
        problems={props.problems}
        onChange={(name, value) => onChange({ ...item, [name]: value })}
        onOption={takeOption}
      />
      {!readOnly && (
        <button
          type="button"
          className="icon small"
          aria-label="Remove filter"
          title="Remove"
          onClick={(event) => {
            event.currentTarget.closest('.row')?.querySelector('input')?.focus();
            props.onRemove();
          }}
        >
          ×
        </button>
      )}
    </div>
  );
}
