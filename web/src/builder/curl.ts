import { SegmentSizeDocument } from '../api/generated/graphql';
import type { Rule } from '../rule/rule';

/** Return a shell command that asks for the size of a rule; the shell's $TOKEN holds the token. */
export function curlCommand(rule: Rule, origin: string): string {
  const query = SegmentSizeDocument.toString().replace(/\s+/g, ' ').trim();
  const body = JSON.stringify({ query, variables: { rule } });
  return [
    `curl -s ${origin}/graphql`,
    '-H "Authorization: Bearer $TOKEN"',
    "-H 'Content-Type: application/json'",
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ].join(' ');
}
