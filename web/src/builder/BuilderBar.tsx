/** The top of the builder: the segment's name and description, and what to do with it. */

import type { ReactNode } from 'react';
import { Link } from 'react-router';

interface BuilderBarProps {
  title: string;
  name: string;
  onName(name: string): void;
  nameProblem: string | null;
  description: string;
  onDescription(description: string): void;
  descriptionProblem: string | null;
  readOnly: boolean;
  /** Buttons, and what came of them. */
  children: ReactNode;
}

export function BuilderBar(props: BuilderBarProps): ReactNode {
  return (
    <div className="builder-bar">
      <Link to="/" className="back">
        ← Segments
      </Link>
      <h1 className="visually-hidden">{props.title}</h1>
      <Line
        id="name"
        label="Name"
        placeholder="Name this segment"
        most={255}
        value={props.name}
        problem={props.nameProblem}
        disabled={props.readOnly}
        onChange={props.onName}
      />
      <Line
        id="description"
        label="Description"
        placeholder="What it is for (may stay empty)"
        most={2000}
        value={props.description}
        problem={props.descriptionProblem}
        disabled={props.readOnly}
        onChange={props.onDescription}
      />
      <div className="actions">{props.children}</div>
    </div>
  );
}

interface LineProps {
  id: string;
  label: string;
  placeholder: string;
  /** How many characters it may have. */
  most: number;
  value: string;
  problem: string | null;
  disabled: boolean;
  onChange(value: string): void;
}

function Line({ id, problem, ...props }: LineProps): ReactNode {
  return (
    <div className="line">
      <label htmlFor={id}>{props.label}</label>
      <input
        id={id}
        value={props.value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        maxLength={props.most}
        aria-invalid={problem !== null || undefined}
        aria-describedby={`${id}-problem`}
        onChange={(event) => props.onChange(event.target.value)}
      />
      <span id={`${id}-problem`} className="problem">
        {problem}
      </span>
    </div>
  );
}
