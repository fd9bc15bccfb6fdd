/** A row: a criterion, how to compare, and its inputs, all of them from the metadata. */

import { type ReactNode, useMemo, useState } from 'react';
import type { CriterionGroup } from '../api/generated/graphql';
import { type Criterion, type Field, fieldsOf, type Option } from '../rule/metadata';
import type { Row } from '../rule/rule';
import { isEmpty, type Problems, type Value, type Values, valueIn } from '../rule/values';
import { inWords } from '../rule/words';
import { type Choice, Picker } from '../ui/Picker';
import { afterClick } from '../ui/pointer';
import { Conditions } from './Conditions';
import { Count } from './Count';
import { useEditor } from './context';
import { Fields } from './Fields';
import { OperatorSelect } from './OperatorSelect';

const NO_PROBLEMS: Problems = new Map();

export function RowForm({ row, onRemove }: { row: Row; onRemove(): void }): ReactNode {
  const editor = useEditor();
  const criterion = editor.criteria.get(row.field);
  const unfinished = editor.draft.unfinished.get(row.id);
  const refused = editor.refused.get(row.id);
  const name = criterion?.label ?? (row.field || 'criterion');
  const unknown = editor.draft.unknown.has(row.id);
  const strict = editor.pointedOut.has(row.id);
  const wrong = refused ?? (strict ? unfinished : undefined);
  const [typing, setTyping] = useState<string | null>(null);
  return (
    <fieldset
      aria-label={name}
      className={`row ${unfinished ? 'unfinished' : ''} ${unknown || wrong ? 'wrong' : ''}`}
      data-node={row.id}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only sees an input being left */}
      <div className="row-form" onBlur={() => afterClick(() => setTyping(null))}>
        {unknown ? (
          <UnknownCriterion row={row} />
        ) : (
          <>
            <CriterionPicker row={row} criterion={criterion} />
            {criterion && (
              <CriterionForm
                key={criterion.key}
                row={row}
                criterion={criterion}
                typing={typing}
                onTyping={setTyping}
              />
            )}
          </>
        )}
        {refused?.get('') && <p className="problem">{refused.get('')}</p>}
        {unfinished && (
          <p className={strict ? 'problem' : 'hint'}>
            {strict ? 'Finish this row, or remove it.' : 'Not counted until it is complete.'}
          </p>
        )}
      </div>
      <Count id={row.id} />
      {!editor.readOnly && (
        <button
          type="button"
          className="icon"
          aria-label={`Remove ${name}`}
          title="Remove"
          onClick={(event) => {
            focusOnGroup(event.currentTarget);
            onRemove();
          }}
        >
          ×
        </button>
      )}
    </fieldset>
  );
}

/** What is about to go gives the focus to its group, where another can be added. */
export function focusOnGroup(leaving: HTMLElement): void {
  const inside = leaving.closest('.group-body')?.closest('.group');
  inside?.querySelector<HTMLElement>(':scope > .group-actions > .add')?.focus();
}

function UnknownCriterion({ row }: { row: Row }): ReactNode {
  return (
    <div className="unknown">
      <p>
        <strong>{row.field}</strong> is no criterion that is installed here, so there is no size.
        Install its plugin again, or remove the row.
      </p>
      <code>{JSON.stringify({ operator: row.operator, ...row.value })}</code>
    </div>
  );
}

function CriterionPicker({
  row,
  criterion,
}: {
  row: Row;
  criterion: Criterion | undefined;
}): ReactNode {
  const editor = useEditor();
  const [search, setSearch] = useState('');
  const choices = useMemo(() => offered([...editor.criteria.values()], search), [editor, search]);
  const missing =
    editor.draft.unfinished.get(row.id)?.has('criterion') && editor.pointedOut.has(row.id);
  return (
    <div className="input criterion">
      <span className="input-label">{criterion ? inWords(criterion.group) : 'Criterion'}</span>
      <Picker
        label="Criterion"
        text={criterion?.label ?? ''}
        placeholder="Pick a criterion"
        choices={choices}
        onSearch={setSearch}
        onPick={({ value }) => {
          const picked = editor.criteria.get(value);
          const operator = picked?.operators[0]?.name ?? '';
          if (value !== row.field) editor.changeRow(row.id, { field: value, operator, value: {} });
        }}
        disabled={editor.readOnly}
        invalid={Boolean(missing)}
        autoFocus={!row.field && !editor.readOnly}
        nothing="No criterion has these words."
      />
    </div>
  );
}

/** The order in which people look for something to pick by. */
const GROUPS: readonly CriterionGroup[] = ['PURCHASES', 'MESSAGING', 'PROFILE', 'OTHER'];

/** All by their groups; of those that have some words, the ones named so first. */
function offered(criteria: readonly Criterion[], search: string): readonly Choice[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ label, group }: Criterion): number => {
    if (words.length === 0) return GROUPS.indexOf(group);
    const name = label.toLowerCase();
    if (name.startsWith(words.join(' '))) return 0;
    return words.every((word) => name.includes(word)) ? 1 : 2;
  };
  return criteria
    .filter(({ label, description, group }) => {
      const text = `${label} ${description} ${group}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .toSorted((one, other) => rank(one) - rank(other) || one.label.localeCompare(other.label))
    .map(({ key, label, description, group }) => ({
      value: key,
      label,
      description,
      ...(words.length === 0 && { group: inWords(group) }),
    }));
}

interface CriterionFormProps {
  row: Row;
  criterion: Criterion;
  /** The field that is being filled in. */
  typing: string | null;
  onTyping(field: string): void;
}

function CriterionForm({ row, criterion, typing, onTyping }: CriterionFormProps): ReactNode {
  const editor = useEditor();
  const unfinished = editor.draft.unfinished.get(row.id) ?? NO_PROBLEMS;
  const refused = editor.refused.get(row.id) ?? NO_PROBLEMS;
  const [suited, setSuited] = useState<readonly string[] | null>(null);

  function change(name: string, value: Value): void {
    onTyping(name);
    editor.changeRow(row.id, { value: { ...row.value, [name]: value } });
  }

  /** Some values, such as a property's name, go with some operators only. */
  function picked(field: Field, option: Option): void {
    setSuited(option.operators);
    const fits = !option.operators || option.operators.includes(row.operator);
    const operator = fits ? row.operator : (option.operators?.[0] ?? row.operator);
    editor.changeRow(row.id, { operator, value: { ...row.value, [field.name]: option.value } });
  }

  const strict = editor.pointedOut.has(row.id);
  const shown = problemsShown(unfinished, refused, row.value, strict, typing);
  return (
    <>
      <OperatorSelect
        form={criterion}
        operator={row.operator}
        suited={suited}
        disabled={editor.readOnly}
        problem={shown.get('operator')}
        onChange={(operator) => editor.changeRow(row.id, { operator })}
      />
      <Fields
        criterion={criterion.key}
        prefix=""
        fields={fieldsOf(criterion, row.operator)}
        values={row.value}
        formValues={row.value}
        problems={shown}
        onChange={change}
        onOption={picked}
        renderConditions={(props) => <Conditions {...props} />}
      />
    </>
  );
}

/**
 * What is missing is not pointed out before somebody tries to save; what is wrong is, but not
 * before it is typed to the end.
 */
function problemsShown(
  unfinished: Problems,
  refused: Problems,
  values: Values,
  strict: boolean,
  typing: string | null,
): Problems {
  const shown = (path: string) => !isEmpty(at(values, path)) && path.split('.')[0] !== typing;
  const found = [...unfinished].filter(([path]) => strict || path === 'operator' || shown(path));
  return new Map([...found, ...refused]);
}

/** The value at a path, such as that of an input of the first condition. */
function at(values: Value, path: string): Value {
  return path
    .split('.')
    .reduce<Value>(
      (value, step) => (isEmpty(value) ? value : valueIn(value as Values, step)),
      values,
    );
}
