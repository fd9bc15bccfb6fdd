/** What a page shows while it waits, and when it cannot go on. */

import { type ReactNode, useSyncExternalStore } from 'react';
import type { ApiError } from '../api/client';
import { paused, watchPause } from '../api/pause';

export function Loading(): ReactNode {
  return (
    <p className="hint" role="status">
      Loading…
    </p>
  );
}

interface FailedProps {
  error: ApiError;
  /** Whether what was asked for is named by the address. */
  addressed?: boolean;
  onRetry(): void;
}

export function Failed({ error, addressed = false, onRetry }: FailedProps): ReactNode {
  const gone = addressed && (error.code === 'NOT_FOUND' || error.code === 'INVALID');
  return (
    <div className="panel failed" role="alert">
      <h1>{gone ? 'Not found' : 'Unavailable'}</h1>
      <p>{gone ? 'There is nothing at this address.' : error.message}</p>
      {gone ? (
        <a href="/builder/">All segments</a>
      ) : (
        !error.lasting && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )
      )}
    </div>
  );
}

/** Says that the server has asked for a pause, for as long as it lasts. */
export function Paused(): ReactNode {
  const seconds = useSyncExternalStore(watchPause, paused);
  if (seconds === null) return null;
  return (
    <p role="alert" className="notice paused">
      Too much was asked in too short a time. It goes on by itself in {inSeconds(seconds)}.
    </p>
  );
}

function inSeconds(seconds: number): string {
  return seconds === 1 ? 'a second' : `${seconds} seconds`;
}
