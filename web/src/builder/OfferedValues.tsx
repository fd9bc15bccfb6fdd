/** Inputs that offer values: the field's options, suggestions from the shop, or its segments. */

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { execute } from '../api/client';
import { LabelsDocument, SuggestionsDocument } from '../api/generated/graphql';
import { midSentence } from '../rule/format';
import type { Field, Option } from '../rule/metadata';
import { isEmpty, type Values } from '../rule/values';
import { Picker } from '../ui/Picker';
import { useEditor } from './context';
import type { FieldInputProps, FieldProps } from './fieldProps';

/** Milliseconds without a change before suggestions are fetched. */
const DEBOUNCE = 150;

const NOT_IN_SHOP = 'Not found in this shop';

/** Return whether a field takes any text, not only values that are offered. */
function acceptsAnyText(field: Field): boolean {
  return field.kind === 'TEXT' && !field.options;
}

/** The input of a field with one value. */
export function OneValue(props: FieldInputProps): ReactNode {
  const { field, input, value } = props;
  const offers = useOffers(props);
  const anyText = acceptsAnyText(field);
  // Free text is its own label.
  const labels = useLabels(props, anyText || isEmpty(value) ? [] : [String(value)]);
  return (
    <Picker
      {...offers}
      id={input.id}
      label={field.label}
      text={labels.get(String(value)) ?? String(value ?? '')}
      placeholder={field.placeholder ?? (anyText ? '' : 'Choose')}
      disabled={input.disabled}
      invalid={input.invalid}
      describedBy={input.describedBy}
      onPick={props.onOption}
      {...(anyText ? { onType: (text: string) => props.onChange(text) } : {})}
    />
  );
}

/** The input of a field with several values, each shown as a chip. */
export function ManyValues(props: FieldInputProps): ReactNode {
  const { field, input, onChange } = props;
  const { readOnly } = useEditor();
  const client = useQueryClient();
  const values = (props.value ?? []) as readonly string[];
  const offers = useOffers(props);
  const labels = useLabels(props, values);

  function add(value: string): void {
    if (!values.includes(value)) onChange([...values, value]);
  }

  /** Add each line of a pasted text, such as a spreadsheet column. */
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
        const unknown = labels.get(value) === null;
        return (
          <span key={value} className={unknown ? 'chip unknown-value' : 'chip'}>
            <span title={unknown ? NOT_IN_SHOP : label === value ? undefined : value}>{label}</span>
            {unknown && <span className="visually-hidden">{NOT_IN_SHOP}</span>}
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
          {...(acceptsAnyText(field) ? { onAdd: add, onPaste: addAll } : {})}
          onBackspace={() => {
            const last = values.at(-1);
            if (last !== undefined) remove(last);
          }}
        />
      )}
    </div>
  );
}

/** Return what a field's Picker offers for the text that was typed. */
function useOffers({ criterion, path, field, formValues }: FieldProps): {
  choices: readonly (Option & { label: string })[];
  busy: boolean;
  stale: boolean;
  emptyText(search: string): string;
  onSearch(search: string): void;
  onOpen(open: boolean): void;
} {
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState(false);
  const debounced = useDebounced(search);
  const given = otherValues(formValues, path);
  const { data, error, isFetching, isPlaceholderData } = useQuery({
    queryKey: ['suggestions', criterion, path, debounced, given],
    queryFn: async ({ signal }): Promise<readonly Option[]> => {
      const variables = { criterion, field: path, search: debounced, given };
      return (await execute(SuggestionsDocument, variables, signal)).fieldSuggestions;
    },
    enabled: open,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  return {
    choices: error ? [] : (data ?? field.options ?? []),
    busy: isFetching,
    stale: open && (search !== debounced || isPlaceholderData || isFetching),
    emptyText: (text) => {
      if (error) return `Suggestions are unavailable. ${error.message}`;
      const verb = field.multiple ? 'match' : 'matches';
      return text ? `No ${midSentence(field.label)} ${verb} "${text}".` : 'No suggestions';
    },
    onSearch: setSearch,
    onOpen: setOpen,
  };
}

/** Return the form's other values, which suggestions may depend on. */
function otherValues(formValues: Values, path: string): Values {
  return Object.fromEntries(
    Object.entries(formValues).filter(([name, value]) => name !== path && !isEmpty(value)),
  );
}

/**
 * Return the labels of values: from the field's options, or from the API.
 *
 * The label is null for a value that the shop does not have, and missing until it is loaded.
 */
function useLabels(
  { criterion, path, field, formValues }: FieldProps,
  values: readonly string[],
): ReadonlyMap<string, string | null> {
  const client = useQueryClient();
  const cached = (value: string) =>
    client.getQueryData<string | null>(labelKey(criterion, path, value));
  const fromApi = !field.options && (field.suggests || field.kind === 'SEGMENT');
  const missing = fromApi ? values.filter((value) => cached(value) === undefined) : [];
  // One request fetches all missing labels; the cache keeps each of them.
  useQuery({
    queryKey: ['labels', criterion, path, missing],
    queryFn: async ({ signal }) => {
      const given = otherValues(formValues, path);
      const variables = { criterion, field: path, values: missing, given };
      const { fieldLabels } = await execute(LabelsDocument, variables, signal);
      for (const { value, label } of fieldLabels) {
        client.setQueryData(labelKey(criterion, path, value), label);
      }
      return fieldLabels.length;
    },
    enabled: missing.length > 0,
    retry: false,
  });
  const labels = new Map<string, string | null>(
    field.options?.map(({ value, label }) => [value, label]),
  );
  for (const value of values) {
    const label = cached(value);
    if (label !== undefined) labels.set(value, label);
  }
  return labels;
}

function labelKey(criterion: string, path: string, value: string): readonly string[] {
  return ['label', criterion, path, value];
}

function useDebounced(text: string): string {
  const [debounced, setDebounced] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(text), DEBOUNCE);
    return () => clearTimeout(timer);
  }, [text]);
  return debounced;
}
