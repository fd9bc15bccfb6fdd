/** What a page shows while it loads, when it can't load, and during a rate limit's pause. */

import { type ReactNode, useSyncExternalStore } from 'react';
import type { ApiError } from '../api/client';
import { onPauseChange, pauseLength } from '../api/pause';

export function Loading(): ReactNode {
  return (
    <p className="hint" role="status">
      Loading…
    </p>
  );
}

interface LoadErrorProps {
  error: ApiError;
  /** Whether the URL names what could not be loaded. */
  byUrl?: boolean;
  onRetry(): void;
}

export function LoadError({ error, byUrl = false, onRetry }: LoadErrorProps): ReactNode {
  const missing = byUrl && (error.code === 'NOT_FOUND' || error.code === 'INVALID');
  return (
    <div className="panel load-error" role="alert">
      <h1>{missing ? 'Not found' : 'Unavailable'}</h1>
      <p>
        {missing
          ? "This segment or template doesn't exist. It may have been deleted."
          : error.message}
      </p>
      {missing ? (
        <a href="/builder/">All segments</a>
      ) : (
        !error.permanent && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )
      )}
    </div>
  );
}

export function PauseNotice(): ReactNode {
  const seconds = useSyncExternalStore(onPauseChange, pauseLength);
  if (seconds === null) return null;
  return (
    <p role="alert" className="notice paused">
      Too many requests. Continuing in {seconds === 1 ? '1 second' : `${seconds} seconds`}…
    </p>
  );
}
