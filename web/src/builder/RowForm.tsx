import { type ReactNode, useMemo, useState } from 'react';
import type { CriterionGroup } from '../api/generated/graphql';
import { enumLabel } from '../rule/format';
import { type Criterion, type Field, fieldsOf, type Option } from '../rule/metadata';
import type { Row } from '../rule/rule';
import { isEmpty, type Problems, type Value, type Values, valueIn } from '../rule/values';
import { type Choice, Picker } from '../ui/Picker';
import { afterClick } from '../ui/pointer';
import { Conditions } from './Conditions';
import { useEditor } from './context';
import { Fields } from './Fields';
import { MatchCount } from './MatchCount';
import { OperatorSelect } from './OperatorSelect';

const NO_PROBLEMS: Problems = new Map();

/** A row: a criterion, a comparison, and the inputs that the criterion's metadata asks for. */
export function RowForm({ row, onRemove }: { row: Row; onRemove(): void }): ReactNode {
  const editor = useEditor();
  const criterion = editor.criteria.get(row.field);
  const unfinished = editor.draft.unfinished.get(row.id);
  const serverProblems = editor.serverProblems.get(row.id);
  const name = criterion?.label ?? (row.field || 'condition');
  const unknown = editor.draft.unknown.has(row.id);
  const flagged = editor.flagged.has(row.id);
  const invalid = unknown || serverProblems || (flagged && unfinished);
  const [editedField, setEditedField] = useState<string | null>(null);
  return (
    <fieldset
      aria-label={name}
      className={`row ${unfinished ? 'unfinished' : ''} ${invalid ? 'invalid' : ''}`}
      data-node={row.id}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only observes its inputs */}
      <div className="row-form" onBlur={() => afterClick(() => setEditedField(null))}>
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
                editedField={editedField}
                onEdit={setEditedField}
              />
            )}
          </>
        )}
        {serverProblems?.get('') && <p className="problem">{serverProblems.get('')}</p>}
        {unfinished && (
          <p className={flagged ? 'problem' : 'hint'}>
            {flagged ? 'Complete or remove this condition' : nextStep(unfinished, row.value)}
          </p>
        )}
      </div>
      <MatchCount id={row.id} />
      {!editor.readOnly && (
        <button
          type="button"
          className="icon"
          aria-label={`Remove ${name}`}
          title="Remove"
          onClick={(event) => {
            focusGroup(event.currentTarget);
            onRemove();
          }}
        >
          ×
        </button>
      )}
    </fieldset>
  );
}

/** Return what the user does next with an unfinished row. */
function nextStep(unfinished: Problems, values: Values): string {
  if (unfinished.has('criterion')) return 'Choose a condition to count this';
  if (unfinished.has('operator')) return 'Choose a comparison to count this';
  const lacksValue = [...unfinished.keys()].some((path) => isEmpty(valueAt(values, path)));
  return lacksValue ? 'Add a value to count this' : 'Correct the value to count this';
}

/** Move the focus from a node that is about to be removed to its group's button for adding. */
export function focusGroup(removed: HTMLElement): void {
  const group = removed.closest('.group-body')?.closest('.group');
  group?.querySelector<HTMLElement>(':scope > .group-actions > .add')?.focus();
}

function UnknownCriterion({ row }: { row: Row }): ReactNode {
  return (
    <div className="unknown">
      <p>
        <strong>{row.field}</strong> isn't available because its plugin isn't installed. Remove this
        condition, or ask your administrator to install the plugin.
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
  const choices = useMemo(
    () => choicesFor([...editor.criteria.values()], search),
    [editor, search],
  );
  const missing =
    editor.draft.unfinished.get(row.id)?.has('criterion') && editor.flagged.has(row.id);
  return (
    <div className="input criterion">
      <span className="input-label">{criterion ? enumLabel(criterion.group) : 'Condition'}</span>
      <Picker
        label="Condition"
        text={criterion?.label ?? ''}
        placeholder="Choose a condition"
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
        emptyText={(text) => `No condition matches "${text}"`}
      />
    </div>
  );
}

/** The order of the groups in the list: the most used first. */
const GROUPS: readonly CriterionGroup[] = ['PURCHASES', 'MESSAGING', 'PROFILE', 'OTHER'];

/** Return all criteria by group, or those that match a search, with matching labels first. */
function choicesFor(criteria: readonly Criterion[], search: string): readonly Choice[] {
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
      ...(words.length === 0 && { group: enumLabel(group) }),
    }));
}

interface CriterionFormProps {
  row: Row;
  criterion: Criterion;
  /** The field that the user is editing. */
  editedField: string | null;
  onEdit(field: string): void;
}

function CriterionForm({ row, criterion, editedField, onEdit }: CriterionFormProps): ReactNode {
  const editor = useEditor();
  const unfinished = editor.draft.unfinished.get(row.id) ?? NO_PROBLEMS;
  const serverProblems = editor.serverProblems.get(row.id) ?? NO_PROBLEMS;
  const [suited, setSuited] = useState<readonly string[] | null>(null);

  function change(name: string, value: Value): void {
    onEdit(name);
    editor.changeRow(row.id, { value: { ...row.value, [name]: value } });
  }

  /** Take a suggestion, and an operator that suits it: a text property is not compared as a date. */
  function takeOption(field: Field, option: Option): void {
    setSuited(option.operators);
    const fits = !option.operators || option.operators.includes(row.operator);
    const operator = fits ? row.operator : (option.operators?.[0] ?? row.operator);
    editor.changeRow(row.id, { operator, value: { ...row.value, [field.name]: option.value } });
  }

  const visible = visibleProblems(unfinished, row.value, editor.flagged.has(row.id), editedField);
  const problems = new Map([...visible, ...serverProblems]);
  return (
    <>
      <OperatorSelect
        form={criterion}
        operator={row.operator}
        suited={suited}
        disabled={editor.readOnly}
        problem={problems.get('operator')}
        onChange={(operator) => editor.changeRow(row.id, { operator })}
      />
      <Fields
        criterion={criterion.key}
        prefix=""
        fields={fieldsOf(criterion, row.operator)}
        values={row.value}
        formValues={row.value}
        problems={problems}
        onChange={change}
        onOption={takeOption}
        renderConditions={(props) => <Conditions {...props} />}
      />
    </>
  );
}

/**
 * Return the problems to show at the inputs.
 *
 * A missing value is shown only after an attempt to save, and an invalid one not while the user is
 * still typing it.
 */
function visibleProblems(
  unfinished: Problems,
  values: Values,
  flagged: boolean,
  editedField: string | null,
): Problems {
  const isInvalid = (path: string) =>
    !isEmpty(valueAt(values, path)) && path.split('.')[0] !== editedField;
  return new Map(
    [...unfinished].filter(([path]) => flagged || path === 'operator' || isInvalid(path)),
  );
}

/** Return the value at a path, which may lead into a condition, such as `where.0.property`. */
function valueAt(values: Value, path: string): Value {
  return path
    .split('.')
    .reduce<Value>(
      (value, step) => (isEmpty(value) ? value : valueIn(value as Values, step)),
      values,
    );
}
