/** Somebody else has saved the segment meanwhile: both versions, and what to do. */

import type { ReactNode } from 'react';
import { inTime } from '../rule/words';
import { Dialog } from '../ui/Dialog';
import { useEditor } from './context';
import type { Saved } from './useSegment';

interface ConflictProps {
  theirs: Saved;
  mine: { name: string; summary: string };
  onKeepMine(): void;
  onTakeTheirs(): void;
  onCopy(): void;
  onClose(): void;
}

export function Conflict({ theirs, mine, ...props }: ConflictProps): ReactNode {
  const { shop } = useEditor();
  return (
    <Dialog title="Somebody else has changed this segment" onClose={props.onClose}>
      <p>They saved it at {inTime(theirs.updatedAt, shop.timezone)}. Nothing of yours is lost.</p>
      <div className="versions">
        <section aria-labelledby="theirs">
          <h3 id="theirs">Theirs, saved</h3>
          <p>
            <strong>{theirs.name}</strong>
          </p>
          <p>{theirs.summary}</p>
        </section>
        <section aria-labelledby="mine">
          <h3 id="mine">Yours, not saved</h3>
          <p>
            <strong>{mine.name}</strong>
          </p>
          <p>{mine.summary}</p>
        </section>
      </div>
      <div className="actions">
        <button type="button" onClick={props.onClose}>
          Keep editing
        </button>
        <button type="button" onClick={props.onTakeTheirs}>
          Take theirs
        </button>
        <button type="button" onClick={props.onCopy}>
          Save mine as a copy
        </button>
        <button type="button" className="primary" onClick={props.onKeepMine}>
          Replace theirs with mine
        </button>
      </div>
    </Dialog>
  );
}
