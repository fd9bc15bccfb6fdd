/** Why a contact is in it: what each part of the rule answers, and what it compared. */

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type ApiError, ask } from '../api/client';
import { ExplanationDocument, type RuleInput } from '../api/generated/graphql';
import { pathKey, type Rule } from '../rule/rule';

export function Why({ rule, contactId }: { rule: Rule; contactId: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['explanation', JSON.stringify(rule), contactId],
    queryFn: ({ signal }) =>
      ask(ExplanationDocument, { rule: rule as RuleInput, contactId }, signal),
    retry: false,
    gcTime: 0,
  });
  if (error) return <p className="problem">Unavailable: {(error as ApiError).message}</p>;
  if (!data) return <p className="hint">Looking…</p>;
  return (
    <ul className="why">
      {data.membershipExplanation.parts.map(({ path, summary, matches, measured }) => (
        <li key={pathKey(path)} style={{ paddingLeft: `${indent(path)}rem` }}>
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

/** How deep a part is: each list and each NOT above it is one step. */
function indent(path: readonly string[]): number {
  return path.filter((step) => Number.isNaN(Number(step))).length - 1;
}
