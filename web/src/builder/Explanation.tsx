import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type ApiError, execute } from '../api/client';
import { ExplanationDocument, type RuleInput } from '../api/generated/graphql';
import { pathKey, type Rule } from '../rule/rule';

/** Which parts of the rule a contact matches, with the value that each part compared. */
export function Explanation({ rule, contactId }: { rule: Rule; contactId: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['explanation', JSON.stringify(rule), contactId],
    queryFn: ({ signal }) =>
      execute(ExplanationDocument, { rule: rule as RuleInput, contactId }, signal),
    retry: false,
    gcTime: 0,
  });
  if (error) return <p className="problem">Unavailable: {(error as ApiError).message}</p>;
  if (!data) return <p className="hint">Loading…</p>;
  return (
    <ul className="explanation">
      {data.membershipExplanation.parts.map(({ path, summary, matches, measured }) => (
        <li key={pathKey(path)} style={{ paddingLeft: `${depth(path)}rem` }}>
          <span className={matches ? 'yes' : 'no'}>{matches ? 'Yes' : 'No'}</span>
          <span>
            {summary}
            {measured !== null && <strong> · {measured}</strong>}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Return how deep a part is nested, counting each list and each NOT above it. */
function depth(path: readonly string[]): number {
  return path.filter((step) => Number.isNaN(Number(step))).length - 1;
}
