/** Somebody else has saved the segment meanwhile: both versions, and what to do. */

import type { ReactNode } from 'react';
import { inTime } from '../rule/words';
import { Dialog } from '../ui/Dialog';
import { useEditor } from './context';
import type { Saved } from './useSegment';

interface Version {
  name: string;
  description: string;
  summary: string;
}

interface ConflictProps {
  theirs: Saved;
  mine: Version;
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
        <Told id="theirs" heading="Theirs, saved" version={theirs} />
        <Told id="mine" heading="Yours, not saved" version={mine} />
      </div>
      <div className="actions">
        <button type="button" className="primary" data-first onClick={props.onClose}>
          Keep editing
        </button>
        <button type="button" onClick={props.onTakeTheirs}>
          Take theirs
        </button>
        <button type="button" onClick={props.onCopy}>
          Save mine as a copy
        </button>
        <button type="button" onClick={props.onKeepMine}>
          Replace theirs with mine
        </button>
      </div>
    </Dialog>
  );
}

interface ToldProps {
  id: string;
  heading: string;
  version: Version;
}

function Told({ id, heading, version }: ToldProps): ReactNode {
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>{heading}</h3>
      <p>
        <strong>{version.name}</strong>
      </p>
      <p>{version.summary}</p>
      <p className="hint">{version.description}</p>
    </section>
  );
}
