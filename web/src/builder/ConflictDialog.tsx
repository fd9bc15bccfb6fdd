import type { ReactNode } from 'react';
import { formatTime } from '../rule/format';
import { Dialog } from '../ui/Dialog';
import { useEditor } from './context';
import type { SavedSegment } from './useInitialSegment';

interface Version {
  name: string;
  description: string;
  summary: string;
}

interface ConflictDialogProps {
  theirs: SavedSegment;
  mine: Version;
  onOverwrite(): void;
  onUseTheirs(): void;
  onSaveCopy(): void;
  onClose(): void;
}

/** Both versions of a segment that someone else saved while it was edited, and what to do. */
export function ConflictDialog({ theirs, mine, ...props }: ConflictDialogProps): ReactNode {
  const { shop } = useEditor();
  const time = formatTime(theirs.updatedAt, shop.utcOffsets);
  return (
    <Dialog title="Someone else changed this segment" onClose={props.onClose}>
      <p>They saved it on {time}. Your changes are still here.</p>
      <div className="versions">
        <VersionSummary id="theirs" heading="Their version (saved)" version={theirs} />
        <VersionSummary id="mine" heading="Your version (not saved)" version={mine} />
      </div>
      <div className="actions">
        <button type="button" className="primary" data-first onClick={props.onClose}>
          Keep editing
        </button>
        <button type="button" onClick={props.onUseTheirs}>
          Use their version
        </button>
        <button type="button" onClick={props.onSaveCopy}>
          Save mine as a copy
        </button>
        <button type="button" onClick={props.onOverwrite}>
          Replace theirs with mine
        </button>
      </div>
    </Dialog>
  );
}

interface VersionSummaryProps {
  id: string;
  heading: string;
  version: Version;
}

function VersionSummary({ id, heading, version }: VersionSummaryProps): ReactNode {
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
