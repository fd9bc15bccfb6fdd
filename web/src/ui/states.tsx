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

export function Failed({ error, onRetry }: { error: ApiError; onRetry(): void }): ReactNode {
  const gone = error.code === 'NOT_FOUND' || error.code === 'INVALID';
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
