import type { ReactNode } from 'react';
import { formatNumber } from '../rule/format';
import { useEditor } from './context';

/** How many contacts a row or a group matches on its own. */
export function MatchCount({ id }: { id: string }): ReactNode {
  const { draft, size } = useEditor();
  const count = draft.paths.has(id) ? size.counts.get(id) : undefined;
  if (count === undefined || size.error) {
    return (
      <span className="count none" title="Not counted">
        <span aria-hidden="true">–</span>
        <span className="visually-hidden">Not counted</span>
      </span>
    );
  }
  return (
    <span
      className={size.pending ? 'count pending' : 'count'}
      title="Contacts who match this on its own"
    >
      {formatNumber(count)}
      <span className="visually-hidden"> contacts match this on its own</span>
    </span>
  );
}
