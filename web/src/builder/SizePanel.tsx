import type { ReactNode } from 'react';
import { UNREACHABLE } from '../api/client';
import { formatNumber, formatPercent, formatTime } from '../rule/format';
import type { SizeState } from '../size/liveSize';
import { useEditor } from './context';

/** How many contacts the rule matches. */
export function SizePanel({ size, retry }: { size: SizeState; retry(): void }): ReactNode {
  const { draft, serverProblems, shop } = useEditor();
  const incomplete = draft.unfinished.size;
  return (
    <section className="panel size" aria-labelledby="size-heading" aria-busy={size.pending}>
      <div className="size-bar">
        <h2 id="size-heading">Audience size</h2>
        {size.live && !size.error && <span className="live">Live</span>}
      </div>
      <div role="status">
        {size.error ? (
          <>
            <p className="size-number unavailable">{size.pending ? 'Counting…' : 'Unavailable'}</p>
            <p className="problem">
              {serverProblems.size > 0
                ? 'Fix the highlighted condition'
                : size.error.code === UNREACHABLE
                  ? "Can't reach the server; retrying…"
                  : size.error.message}
            </p>
          </>
        ) : size.size ? (
          <div className={size.pending ? 'pending' : ''}>
            <p className="size-number">{formatNumber(size.size.members)}</p>
            <p>
              {formatPercent(size.size.share)} of {formatNumber(size.size.contacts)} contacts
            </p>
            <div className="share" aria-hidden="true">
              <div style={{ width: `${size.size.share * 100}%` }} />
            </div>
            <p>{formatNumber(size.size.textable)} can be texted</p>
          </div>
        ) : (
          <p className="size-number unavailable">
            <span aria-hidden="true">…</span>
            <span className="visually-hidden">Counting</span>
          </p>
        )}
      </div>
      {size.error && !size.error.permanent && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
      {size.connectionProblem && !size.error && <p className="hint">{size.connectionProblem}</p>}
      {incomplete > 0 && (
        <p className="hint">
          {incomplete === 1
            ? "1 incomplete condition isn't counted"
            : `${incomplete} incomplete conditions aren't counted`}
        </p>
      )}
      {size.size && !size.error && (
        <p className="sentence" title={`As of ${formatTime(size.size.asOf, shop.utcOffsets)}`}>
          {size.size.parts[0]?.summary}
        </p>
      )}
    </section>
  );
}
