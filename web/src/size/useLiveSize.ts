import { useEffect, useRef, useState } from 'react';
import { execute } from '../api/client';
import { type RuleInput, SegmentSizeDocument } from '../api/generated/graphql';
import { watchSize } from '../api/live';
import { onTokenRenewed } from '../api/session';
import type { Draft } from '../rule/rule';
import { INITIAL, LiveSize, type SizeSource, type SizeState } from './liveSize';

const source: SizeSource = {
  async fetch(rule, signal) {
    const variables = { rule: rule as RuleInput };
    return (await execute(SegmentSizeDocument, variables, signal)).segmentSize;
  },
  watch: watchSize,
};

/** Return the size of a draft; it is fetched again whenever the rule changes. */
export function useLiveSize(draft: Draft): SizeState & { retry(): void } {
  const [state, setState] = useState<SizeState>(INITIAL);
  const live = useRef<LiveSize | null>(null);
  const latest = useRef(draft);
  latest.current = draft;

  useEffect(() => {
    const own = new LiveSize(source, setState);
    live.current = own;
    const unsubscribe = onTokenRenewed(() => own.retry());
    return () => {
      unsubscribe();
      own.close();
    };
  }, []);

  // Unfinished rows are not part of the rule, so a change in one of them fetches nothing.
  const counted = JSON.stringify([draft.rule, [...draft.paths]]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: every render makes a new draft
  useEffect(() => live.current?.change(latest.current), [counted]);

  return { ...state, retry: () => live.current?.retry() };
}
