import type { ReactNode } from 'react';
import { inNumbers, inPercent, inTime } from '../rule/words';
import type { SizeState } from '../size/liveSize';
import { useEditor } from './context';

/** How many contacts the rule has now. */
export function SizePanel({ size, retry }: { size: SizeState; retry(): void }): ReactNode {
  const { draft, refused, shop } = useEditor();
  const left = draft.unfinished.size;
  return (
    <section className="panel size" aria-labelledby="size-heading" aria-busy={size.pending}>
      <div className="size-bar">
        <h2 id="size-heading">Size</h2>
        {size.live && !size.error && <span className="live">Live</span>}
      </div>
      <div role="status">
        {size.error ? (
          <>
            <p className="size-number unavailable">{size.pending ? 'Counting…' : 'Unavailable'}</p>
            <p className="problem">
              {refused.size > 0 ? 'Mend what is marked in the rule.' : size.error.message}
            </p>
          </>
        ) : size.size ? (
          <div className={size.pending ? 'pending' : ''}>
            <p className="size-number">{inNumbers(size.size.members)}</p>
            <p>
              {inPercent(size.size.share)} of {inNumbers(size.size.contacts)} contacts
            </p>
            <div className="share" aria-hidden="true">
              <div style={{ width: `${size.size.share * 100}%` }} />
            </div>
            <p>{inNumbers(size.size.textable)} can be texted</p>
          </div>
        ) : (
          <p className="size-number unavailable">
            <span aria-hidden="true">…</span>
            <span className="visually-hidden">Counting</span>
          </p>
        )}
      </div>
      {size.error && !size.error.lasting && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
      {size.apart && !size.error && <p className="hint">{size.apart}</p>}
      {left > 0 && (
        <p className="hint">
          {left === 1 ? 'One part is' : `${left} parts are`} unfinished and not counted.
        </p>
      )}
      {size.size && !size.error && (
        <p className="sentence" title={`As of ${inTime(size.size.asOf, shop.timezone)}`}>
          {size.size.parts[0]?.summary}
        </p>
      )}
    </section>
  );
}
