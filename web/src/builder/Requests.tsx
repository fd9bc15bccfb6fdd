/** The rule for programs: as JSON, as a request of GraphQL, and as a line for a shell. */

import { type ReactNode, useState } from 'react';
import { SegmentSizeDocument } from '../api/generated/graphql';
import type { Rule } from '../rule/rule';
import { Copyable } from '../ui/Copyable';
import { curl } from './curl';

export function Requests({ rule }: { rule: Rule }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className="panel requests" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>For developers</h2>
      </summary>
      {open && (
        <>
          <Copyable label="The rule" text={JSON.stringify(rule, null, 2)} />
          <Copyable label="The request" text={SegmentSizeDocument.toString().trim()} />
          <Copyable label="Its variables" text={JSON.stringify({ rule }, null, 2)} />
          <Copyable label="With curl" text={curl(rule, location.origin)} />
        </>
      )}
    </details>
  );
}
