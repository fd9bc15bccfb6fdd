/** What a page shows while it waits, and when it cannot go on. */

import type { ReactNode } from 'react';
import type { ApiError } from '../api/client';

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
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
