import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { ApiError } from '../api/client';
import type { SegmentsQuery } from '../api/generated/graphql';
import { formatNumber, formatPercent } from '../rule/format';
import type { ListedSize } from './useSizes';

export type ListedSegment = SegmentsQuery['segments']['nodes'][number];

export interface SegmentActions {
  duplicate(segment: ListedSegment): void;
  /** Archive the segment, or restore it if it is archived. */
  toggleArchived(segment: ListedSegment): void;
  askToDelete(segment: ListedSegment): void;
  /** Tell the user why an action isn't available. */
  refuse(reason: string): void;
}

interface SegmentCardProps {
  segment: ListedSegment;
  size: ListedSize;
  retry(): void;
  updated: string;
  actions: SegmentActions;
}

const DEFAULT = "Default segments can't be archived or deleted.";

/** A segment in the list. */
export function SegmentCard({
  segment,
  size,
  retry,
  updated,
  actions,
}: SegmentCardProps): ReactNode {
  const { name, isDefault, archived, problems } = segment;
  return (
    <li className="panel segment">
      <div className="segment-text">
        <h2>
          <Link to={`/segments/${segment.id}`}>{name}</Link>
        </h2>
        {isDefault && <span className="badge">Default</span>}
        {archived && <span className="badge">Archived</span>}
        {problems.length > 0 && <span className="badge invalid">Needs attention</span>}
        <p>{segment.summary}</p>
        {problems.map(({ message }) => (
          <p key={message} className="problem">
            {message}
          </p>
        ))}
        <p className="hint">
          {segment.description ? `${segment.description} · ` : ''}Updated {updated}
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
            {!size.permanent && (
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
            <span className="size-number">{formatNumber(size.members)}</span>
            <span className="hint">{formatPercent(size.share)}</span>
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
          aria-label={`${archived ? 'Restore' : 'Archive'} ${name}`}
          aria-disabled={isDefault || undefined}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => (isDefault ? actions.refuse(DEFAULT) : actions.toggleArchived(segment))}
        >
          {archived ? 'Restore' : 'Archive'}
        </button>
        <button
          type="button"
          className="link"
          aria-label={`Delete ${name}`}
          aria-disabled={isDefault || undefined}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => (isDefault ? actions.refuse(DEFAULT) : actions.askToDelete(segment))}
        >
          Delete
        </button>
      </div>
    </li>
  );
}
