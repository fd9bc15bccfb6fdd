import { useEffect, useRef, useState } from 'react';
import { ask } from '../api/client';
import { type RuleInput, SegmentSizeDocument } from '../api/generated/graphql';
import { watchSize } from '../api/live';
import { whenAdmitted } from '../api/session';
import type { Draft } from '../rule/rule';
import { LiveSize, type SizeState, UNKNOWN } from './liveSize';

const source = {
  async ask(rule: Draft['rule'], signal: AbortSignal) {
    const { segmentSize } = await ask(SegmentSizeDocument, { rule: rule as RuleInput }, signal);
    return segmentSize;
  },
  watch: watchSize,
};

/** The size of a draft, which is asked for again whenever its rule has changed. */
export function useLiveSize(draft: Draft): SizeState & { retry(): void } {
  const [state, setState] = useState<SizeState>(UNKNOWN);
  const live = useRef<LiveSize | null>(null);
  const latest = useRef(draft);
  latest.current = draft;

  useEffect(() => {
    const own = new LiveSize(source, setState);
    live.current = own;
    const forget = whenAdmitted(() => own.retry());
    return () => {
      forget();
      own.close();
    };
  }, []);

  // Rows that are unfinished do not count, so that a change of theirs asks for nothing.
  const asked = JSON.stringify([draft.rule, [...draft.paths]]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the draft is new at each render
  useEffect(() => live.current?.change(latest.current), [asked]);

  return { ...state, retry: () => live.current?.retry() };
}
