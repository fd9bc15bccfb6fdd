/** Inputs whose values are offered: from the field's options, the shop's facts or its segments. */

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { ask } from '../api/client';
import { LabelsDocument, SuggestionsDocument } from '../api/generated/graphql';
import type { Option } from '../rule/metadata';
import { isEmpty, type Values } from '../rule/values';
import { Picker } from '../ui/Picker';
import { useEditor } from './context';
import type { FieldInputProps, FieldProps } from './fieldProps';

const TYPING = 150;

const UNHEARD = 'Nothing in the shop has this yet.';
const NOTHING = 'Nothing found.';
const NOTHING_LIKE_IT = 'Nothing like it in the shop yet.';
const NOTHING_YET = 'Nothing like it in the shop yet; Enter adds it.';

/** A value as it is typed or picked. */
export function OneValue(props: FieldInputProps): ReactNode {
  const { field, input, value } = props;
  const offers = useOffers(props);
  const free = field.kind === 'TEXT' && !field.options;
  // Text that may be anything is shown as it is.
  const labels = useLabels(props, free || isEmpty(value) ? [] : [String(value)]);
  return (
    <Picker
      {...offers}
      id={input.id}
      label={field.label}
      text={labels.get(String(value)) ?? String(value ?? '')}
      placeholder={field.placeholder ?? (free ? '' : 'Pick')}
      disabled={input.disabled}
      invalid={input.invalid}
      describedBy={input.describedBy}
      nothing={offers.nothing ?? (free ? NOTHING_LIKE_IT : NOTHING)}
      onPick={props.onOption}
      {...(free ? { onType: (text: string) => props.onChange(text) } : {})}
    />
  );
}

/** Values one beside the other, added by typing or picking. */
export function ManyValues(props: FieldInputProps): ReactNode {
  const { field, input, onChange } = props;
  const { readOnly } = useEditor();
  const client = useQueryClient();
  const values = (props.value ?? []) as readonly string[];
  const offers = useOffers(props);
  const labels = useLabels(props, values);
  const free = field.kind === 'TEXT' && !field.options;

  function add(value: string): void {
    if (!values.includes(value)) onChange([...values, value]);
  }

  /** What was pasted, such as a column of a sheet: a value in each line. */
  function addAll(lines: readonly string[]): void {
    onChange([...new Set([...values, ...lines])]);
  }

  function remove(value: string): void {
    onChange(values.filter((other) => other !== value));
  }

  return (
    <div className="many">
      {values.map((value) => {
        const label = labels.get(value) ?? value;
        const unheard = labels.get(value) === null;
        return (
          <span key={value} className={unheard ? 'chip unheard' : 'chip'}>
            <span title={unheard ? UNHEARD : label === value ? undefined : value}>{label}</span>
            {unheard && <span className="visually-hidden">{UNHEARD}</span>}
            {!readOnly && (
              <button
                type="button"
                aria-label={`Remove ${label}`}
                onClick={(event) => {
                  event.currentTarget.closest('.many')?.querySelector('input')?.focus();
                  remove(value);
                }}
              >
                ×
              </button>
            )}
          </span>
        );
      })}
      {!readOnly && (
        <Picker
          {...offers}
          choices={offers.choices.filter(({ value }) => !values.includes(value))}
          id={input.id}
          label={field.label}
          text=""
          placeholder={values.length ? 'Add another' : (field.placeholder ?? 'Add')}
          invalid={input.invalid}
          describedBy={input.describedBy}
          onPick={(option) => {
            client.setQueryData(labelKey(props.criterion, props.path, option.value), option.label);
            add(option.value);
          }}
          {...(free ? { onEnter: add, onPaste: addAll } : {})}
          onBackspace={() => {
            const last = values.at(-1);
            if (last !== undefined) remove(last);
          }}
          nothing={offers.nothing ?? (free ? NOTHING_YET : NOTHING)}
        />
      )}
    </div>
  );
}

/** What is offered for what is typed. */
function useOffers({ criterion, path, field, formValues }: FieldProps): {
  choices: readonly (Option & { label: string })[];
  busy: boolean;
  stale: boolean;
  nothing?: string;
  onSearch(search: string): void;
  onOpen(open: boolean): void;
} {
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState(false);
  const typed = useRested(search);
  const others = filledIn(formValues, path);
  const { data, error, isFetching, isPlaceholderData } = useQuery({
    queryKey: ['suggestions', criterion, path, typed, others],
    queryFn: ({ signal }) => suggestions(criterion, path, typed, others, signal),
    enabled: open,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  return {
    choices: error ? [] : (data ?? field.options ?? []),
    busy: isFetching,
    stale: open && (search !== typed || isPlaceholderData || isFetching),
    ...(error && { nothing: `Suggestions are unavailable: ${error.message}` }),
    onSearch: setSearch,
    onOpen: setOpen,
  };
}

async function suggestions(
  criterion: string,
  field: string,
  search: string,
  given: Values,
  signal: AbortSignal,
): Promise<readonly Option[]> {
  const answer = await ask(SuggestionsDocument, { criterion, field, search, given }, signal);
  return answer.fieldSuggestions;
}

/** What the other inputs of the form have. */
function filledIn(values: Values, path: string): Values {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => name !== path && !isEmpty(value)),
  );
}

/**
 * What people see for values: of the options, of segments by their ids, or as suggested.
 *
 * It is null for a value that nothing in the shop has, and missing until it is known.
 */
function useLabels(
  { criterion, path, field, formValues }: FieldProps,
  values: readonly string[],
): ReadonlyMap<string, string | null> {
  const client = useQueryClient();
  const known = (value: string) =>
    client.getQueryData<string | null>(labelKey(criterion, path, value));
  const lookedUp = !field.options && (field.suggests || field.kind === 'SEGMENT');
  const unknown = lookedUp ? values.filter((value) => known(value) === undefined) : [];
  // All in one request; each is known from then on.
  useQuery({
    queryKey: ['labels', criterion, path, unknown],
    queryFn: async ({ signal }) => {
      const variables = {
        criterion,
        field: path,
        values: unknown,
        given: filledIn(formValues, path),
      };
      const { fieldLabels } = await ask(LabelsDocument, variables, signal);
      for (const { value, label } of fieldLabels) {
        client.setQueryData(labelKey(criterion, path, value), label);
      }
      return fieldLabels.length;
    },
    enabled: unknown.length > 0,
    retry: false,
  });
  const labels = new Map<string, string | null>(
    field.options?.map(({ value, label }) => [value, label]),
  );
  for (const value of values) {
    const label = known(value);
    if (label !== undefined) labels.set(value, label);
  }
  return labels;
}

function labelKey(criterion: string, path: string, value: string): readonly string[] {
  return ['label', criterion, path, value];
}

/** A text, once it has not changed for a moment. */
function useRested(text: string): string {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}
