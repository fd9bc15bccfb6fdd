/** A segment in the list. */

import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { ApiError } from '../api/client';
import type { SegmentsQuery } from '../api/generated/graphql';
import { inNumbers, inPercent } from '../rule/words';
import type { ListedSize } from './useSizes';

export type Listed = SegmentsQuery['segments']['nodes'][number];

/** What can be done with a segment of the list. */
export interface Actions {
  duplicate(segment: Listed): void;
  archive(segment: Listed): void;
  remove(segment: Listed): void;
  refuse(reason: string): void;
}

interface SegmentCardProps {
  segment: Listed;
  size: ListedSize;
  retry(): void;
  changed: string;
  actions: Actions;
}

const DEFAULT = 'Every shop has this segment; nobody can archive or delete it.';

export function SegmentCard({
  segment,
  size,
  retry,
  changed,
  actions,
}: SegmentCardProps): ReactNode {
  const { name, isDefault, archived, problems } = segment;
  return (
    <li className="panel segment">
      <div className="segment-what">
        <h2>
          <Link to={`/segments/${segment.id}`}>{name}</Link>
        </h2>
        {isDefault && <span className="mark">Default</span>}
        {archived && <span className="mark">Archived</span>}
        {problems.length > 0 && <span className="mark wrong">Has problems</span>}
        <p>{segment.summary}</p>
        {problems.map(({ message }) => (
          <p key={message} className="problem">
            {message}
          </p>
        ))}
        <p className="hint">
          {segment.description ? `${segment.description} · ` : ''}Changed {changed}
        </p>
      </div>
      <div className="segment-size">
        {problems.length > 0 ? (
          <span className="unavailable">Unavailable</span>
        ) : size === 'pending' ? (
          <span className="unavailable" title="Counting">
            …
          </span>
        ) : size instanceof ApiError ? (
          <>
            <span className="unavailable" title={size.message}>
              Unavailable
            </span>
            {!size.lasting && (
              <button
                type="button"
                className="link"
                onClick={retry}
                aria-label={`Count ${name} again`}
              >
                Try again
              </button>
            )}
          </>
        ) : (
          <>
            <span className="size-number">{inNumbers(size.members)}</span>
            <span className="hint">{inPercent(size.share)}</span>
            <div className="share" aria-hidden="true">
              <div style={{ width: `${size.share * 100}%` }} />
            </div>
          </>
        )}
      </div>
      <div className="segment-actions">
        <button
          type="button"
          className="link"
          aria-label={`Duplicate ${name}`}
          onClick={() => actions.duplicate(segment)}
        >
          Duplicate
        </button>
        <button
          type="button"
          className="link"
          aria-label={`${archived ? 'Take back' : 'Archive'} ${name}`}
          aria-disabled={isDefault || undefined}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => (isDefault ? actions.refuse(DEFAULT) : actions.archive(segment))}
        >
          {archived ? 'Take back' : 'Archive'}
        </button>
        <button
          type="button"
          className="link"
          aria-label={`Delete ${name}`}
          aria-disabled={isDefault || undefined}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => (isDefault ? actions.refuse(DEFAULT) : actions.remove(segment))}
        >
          Delete
        </button>
      </div>
    </li>
  );
}
