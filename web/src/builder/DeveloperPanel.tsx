import { type ReactNode, useState } from 'react';
import { SegmentSizeDocument } from '../api/generated/graphql';
import type { Rule } from '../rule/rule';
import { Copyable } from '../ui/Copyable';
import { curlCommand } from './curl';

/** The rule as JSON, as a GraphQL request, and as a shell command. */
export function DeveloperPanel({ rule }: { rule: Rule }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className="panel developer" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>For developers</h2>
      </summary>
      {open && (
        <>
          <Copyable label="Rule" text={JSON.stringify(rule, null, 2)} />
          <Copyable label="GraphQL query" text={SegmentSizeDocument.toString().trim()} />
          <Copyable label="Variables" text={JSON.stringify({ rule }, null, 2)} />
          <Copyable label="curl command" text={curlCommand(rule, location.origin)} />
        </>
      )}
    </details>
  );
}
