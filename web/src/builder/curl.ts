import { SegmentSizeDocument } from '../api/generated/graphql';
import type { Rule } from '../rule/rule';

/** A line for a shell, in which the token is a variable of the shell. */
export function curl(rule: Rule, origin: string): string {
  const query = SegmentSizeDocument.toString().replace(/\s+/g, ' ').trim();
  const body = JSON.stringify({ query, variables: { rule } });
  return [
    `curl -s ${origin}/graphql`,
    '-H "Authorization: Bearer $TOKEN"',
    "-H 'Content-Type: application/json'",
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ].join(' ');
}
