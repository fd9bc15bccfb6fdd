import { type ReactNode, useId } from 'react';
import type { Form } from '../rule/metadata';

interface OperatorSelectProps {
  form: Form;
  operator: string;
  /** The operators that suit the picked value; null when all do. */
  suited: readonly string[] | null;
  disabled: boolean;
  problem: string | undefined;
  onChange(operator: string): void;
}

export function OperatorSelect(props: OperatorSelectProps): ReactNode {
  const { form, operator, suited } = props;
  const others = form.operators.filter(({ name }) => suited && !suited.includes(name));
  const first = form.operators.filter(({ name }) => !suited || suited.includes(name));
  const problemId = useId();
  const known = form.operators.some(({ name }) => name === operator);
  return (
    <div className="operator">
      <select
        aria-label="Comparison"
        value={operator}
        disabled={props.disabled}
        aria-invalid={props.problem !== undefined || undefined}
        aria-describedby={props.problem === undefined ? undefined : problemId}
        onChange={(event) => props.onChange(event.target.value)}
      >
        {!known && <option value={operator}>{operator || 'Choose'}</option>}
        {first.map(({ name, label }) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
        {others.length > 0 && (
          <optgroup label="For other types of values">
            {others.map(({ name, label }) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </optgroup>
        )}
      </select>
      {props.problem !== undefined && (
        <span id={problemId} className="problem">
          {props.problem}
        </span>
      )}
    </div>
  );
}
