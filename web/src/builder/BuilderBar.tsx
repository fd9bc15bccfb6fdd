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
  /** The buttons and the status. */
  children: ReactNode;
}

/** The top of the builder: the segment's name, its description and the buttons. */
export function BuilderBar(props: BuilderBarProps): ReactNode {
  return (
    <div className="builder-bar">
      <Link to="/" className="back">
        ← Segments
      </Link>
      <h1 className="visually-hidden">{props.title}</h1>
      <TextLine
        id="name"
        label="Name"
        placeholder="Name this segment"
        maxLength={255}
        value={props.name}
        problem={props.nameProblem}
        disabled={props.readOnly}
        onChange={props.onName}
      />
      <TextLine
        id="description"
        label="Description (optional)"
        placeholder="Describe what you use it for"
        maxLength={2000}
        value={props.description}
        problem={props.descriptionProblem}
        disabled={props.readOnly}
        onChange={props.onDescription}
      />
      <div className="actions">{props.children}</div>
    </div>
  );
}

interface TextLineProps {
  id: string;
  label: string;
  placeholder: string;
  maxLength: number;
  value: string;
  problem: string | null;
  disabled: boolean;
  onChange(value: string): void;
}

function TextLine({ id, problem, ...props }: TextLineProps): ReactNode {
  return (
    <div className="text-line">
      <label htmlFor={id}>{props.label}</label>
      <input
        id={id}
        value={props.value}
        placeholder={props.placeholder}
        disabled={props.disabled}
        maxLength={props.maxLength}
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
