/** A span of time: the API's TimeWindowInput. */

import type { ReactNode } from 'react';
import { parseWholeNumber } from '../rule/typedNumbers';
import { UNITS, type Window } from '../rule/values';
import { inWords } from '../rule/words';
import type { InputProps } from './fieldProps';

const WINDOWS = {
  last: { label: 'in the last', empty: { last: { count: 30, unit: 'DAYS' } } },
  since: { label: 'since', empty: { since: '' } },
  before: { label: 'before', empty: { before: '' } },
  between: { label: 'between', empty: { between: { from: '', to: '' } } },
} as const satisfies Record<string, { label: string; empty: Window }>;

type Kind = keyof typeof WINDOWS;

export function TimeWindow(props: InputProps & { value: Window | undefined }): ReactNode {
  const { value, disabled, onChange } = props;
  const kind = (Object.keys(WINDOWS) as Kind[]).find((name) => value && name in value);
  const shared = {
    disabled,
    'aria-invalid': props.invalid || undefined,
    'aria-describedby': props.describedBy,
  };

  function day(label: string, current: string | undefined, change: (day: string) => Window) {
    return (
      <input
        type="date"
        aria-label={`${props.field.label}: ${label}`}
        value={current ?? ''}
        onChange={(event) => onChange(change(event.target.value))}
        {...shared}
      />
    );
  }

  return (
    <span className="window">
      <select
        id={props.id}
        value={kind ?? ''}
        disabled={disabled}
        onChange={(event) => {
          const picked = event.target.value as Kind | '';
          onChange(picked ? WINDOWS[picked].empty : undefined);
        }}
      >
        <option value="">at any time</option>
        {Object.entries(WINDOWS).map(([name, { label }]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
      {value?.last && (
        <>
          <input
            type="text"
            inputMode="numeric"
            className="short"
            aria-label={`${props.field.label}: how many`}
            value={String(value.last.count ?? '')}
            onChange={(event) =>
              onChange({ last: { ...value.last, count: parseWholeNumber(event.target.value) } })
            }
            {...shared}
          />
          <select
            aria-label={`${props.field.label}: unit`}
            value={value.last.unit}
            disabled={disabled}
            onChange={(event) => onChange({ last: { ...value.last, unit: event.target.value } })}
          >
            {UNITS.map((unit) => (
              <option key={unit} value={unit}>
                {inWords(unit).toLowerCase()}
              </option>
            ))}
          </select>
        </>
      )}
      {kind === 'since' && day('day', value?.since, (since) => ({ since }))}
      {kind === 'before' && day('day', value?.before, (before) => ({ before }))}
      {value?.between && (
        <>
          {day('from', value.between.from, (from) => ({ between: { ...value.between, from } }))}
          <span>and</span>
          {day('to', value.between.to, (to) => ({ between: { ...value.between, to } }))}
        </>
      )}
    </span>
  );
}
