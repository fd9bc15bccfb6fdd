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
  const { nameProblem, descriptionProblem, readOnly } = props;
  return (
    <div className="builder-bar">
      <Link to="/" className="back">
        ← Segments
      </Link>
      <h1 className="visually-hidden">{props.title}</h1>
      <div className="name">
        <label htmlFor="name">Name</label>
        <input
          id="name"
          value={props.name}
          placeholder="Name this segment"
          disabled={readOnly}
          maxLength={255}
          aria-invalid={nameProblem !== null || undefined}
          aria-describedby="name-problem"
          onChange={(event) => props.onName(event.target.value)}
        />
        <span id="name-problem" className="problem">
          {nameProblem}
        </span>
      </div>
      <div className="name description">
        <label htmlFor="description">Description</label>
        <input
          id="description"
          value={props.description}
          placeholder="What it is for (may stay empty)"
          disabled={readOnly}
          maxLength={2000}
          aria-invalid={descriptionProblem !== null || undefined}
          aria-describedby="description-problem"
          onChange={(event) => props.onDescription(event.target.value)}
        />
        <span id="description-problem" className="problem">
          {descriptionProblem}
        </span>
      </div>
      <div className="actions">{props.children}</div>
    </div>
  );
}
