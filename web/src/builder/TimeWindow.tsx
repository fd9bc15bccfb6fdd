import type { ReactNode } from 'react';
import { enumLabel } from '../rule/format';
import { parseWholeNumber } from '../rule/typedNumbers';
import { CALENDAR_UNITS, type Duration, UNITS, WHICH_PERIOD, type Window } from '../rule/values';
import type { InputProps } from './fieldProps';

const WINDOWS = {
  last: { label: 'in the last', initial: { last: { count: 30, unit: 'DAYS' } } },
  since: { label: 'since', initial: { since: '' } },
  before: { label: 'before', initial: { before: '' } },
  between: { label: 'between', initial: { between: { from: '', to: '' } } },
  calendar: { label: 'during', initial: { calendar: { which: 'THIS', unit: 'MONTH' } } },
  beforeAgo: { label: 'more than', initial: { beforeAgo: { count: 30, unit: 'DAYS' } } },
} as const satisfies Record<string, { label: string; initial: Window }>;

type WindowKind = keyof typeof WINDOWS;

const PERIODS = CALENDAR_UNITS.flatMap((unit) => WHICH_PERIOD.map((which) => ({ which, unit })));

/** Return the words for a period of the calendar: "yesterday", "this month". */
function periodLabel(which: string, unit: string): string {
  if (unit === 'DAY') return which === 'THIS' ? 'today' : 'yesterday';
  return `${which} ${unit}`.toLowerCase();
}

/** The input of a time window, the API's TimeWindowInput. */
export function TimeWindow(props: InputProps & { value: Window | undefined }): ReactNode {
  const { value, disabled, onChange } = props;
  const kind = (Object.keys(WINDOWS) as WindowKind[]).find((name) => value && name in value);
  const shared = {
    disabled,
    'aria-invalid': props.invalid || undefined,
    'aria-describedby': props.describedBy,
  };

  function dateInput(label: string, date: string | undefined, change: (date: string) => Window) {
    return (
      <input
        type="date"
        aria-label={`${props.field.label}: ${label}`}
        value={date ?? ''}
        onChange={(event) => onChange(change(event.target.value))}
        {...shared}
      />
    );
  }

  function durationInputs(duration: Duration, change: (duration: Duration) => Window) {
    return (
      <>
        <input
          type="text"
          inputMode="numeric"
          className="short"
          aria-label={`${props.field.label}: number`}
          value={String(duration.count ?? '')}
          onChange={(event) =>
            onChange(change({ ...duration, count: parseWholeNumber(event.target.value) }))
          }
          {...shared}
        />
        <select
          aria-label={`${props.field.label}: unit`}
          value={duration.unit}
          disabled={disabled}
          onChange={(event) => onChange(change({ ...duration, unit: event.target.value }))}
        >
          {Object.keys(UNITS).map((unit) => (
            <option key={unit} value={unit}>
              {enumLabel(unit).toLowerCase()}
            </option>
          ))}
        </select>
      </>
    );
  }

  return (
    <span className="window">
      <select
        id={props.id}
        value={kind ?? ''}
        disabled={disabled}
        onChange={(event) => {
          const picked = event.target.value as WindowKind | '';
          onChange(picked ? WINDOWS[picked].initial : undefined);
        }}
      >
        <option value="">at any time</option>
        {Object.entries(WINDOWS).map(([name, { label }]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
      {value?.last && durationInputs(value.last, (last) => ({ last }))}
      {value?.beforeAgo && (
        <>
          {durationInputs(value.beforeAgo, (beforeAgo) => ({ beforeAgo }))}
          <span>ago</span>
        </>
      )}
      {value?.calendar && (
        <select
          aria-label={`${props.field.label}: period`}
          value={`${value.calendar.which} ${value.calendar.unit}`}
          disabled={disabled}
          onChange={(event) => {
            const [which, unit] = event.target.value.split(' ');
            onChange({ calendar: { which, unit } });
          }}
        >
          {PERIODS.map(({ which, unit }) => (
            <option key={`${which} ${unit}`} value={`${which} ${unit}`}>
              {periodLabel(which, unit)}
            </option>
          ))}
        </select>
      )}
      {kind === 'since' && dateInput('date', value?.since, (since) => ({ since }))}
      {kind === 'before' && dateInput('date', value?.before, (before) => ({ before }))}
      {value?.between && (
        <>
          {dateInput('start date', value.between.from, (from) => ({
            between: { ...value.between, from },
          }))}
          <span>and</span>
          {dateInput('end date', value.between.to, (to) => ({ between: { ...value.between, to } }))}
        </>
      )}
    </span>
  );
}
