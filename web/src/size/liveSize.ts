/** The size of the rule in the editor: fetched when the user stops editing, then watched. */

import { ApiError, UNREACHABLE } from '../api/client';
import type { SegmentSizeQuery } from '../api/generated/graphql';
import { type Draft, pathKey, type Rule, sameRule } from '../rule/rule';

export type Size = SegmentSizeQuery['segmentSize'];

export interface SizeState {
  /** The last size received; null at first. */
  size: Size | null;
  /** The rule that `size` belongs to. */
  rule: Rule | null;
  /** The count of each row and group, by the editor's node id. */
  counts: ReadonlyMap<string, number>;
  /** Whether the rule has changed since and its size is on the way. */
  pending: boolean;
  /** Why the current rule has no size; `size` then belongs to an earlier rule. */
  error: ApiError | null;
  /** Whether the size follows the shop's data. */
  live: boolean;
  /** Why a watched size is not live, for the user; null while it is, or is not watched. */
  connectionProblem: string | null;
}

/** Where sizes come from. */
export interface SizeSource {
  fetch(rule: Rule, signal: AbortSignal): Promise<Size>;
  /** Report to `observer` until the returned function is called. */
  watch(rule: Rule, observer: SizeObserver): () => void;
}

export interface SizeObserver {
  size(size: Size): void;
  error(error: ApiError): void;
  /** The connection was established or lost; `problem` says why if it is being retried. */
  connection(live: boolean, problem?: string): void;
}

/** Milliseconds without a change before a size is fetched. */
export const DEBOUNCE = 250;
/** Milliseconds between receiving a size and watching it. */
export const WATCH_DELAY = 1_000;
/** Milliseconds before a request that could not reach the server is sent again. */
export const RETRY_DELAY = 3_000;

export const INITIAL: SizeState = {
  size: null,
  rule: null,
  counts: new Map(),
  pending: true,
  error: null,
  live: false,
  connectionProblem: null,
};

const NOT_WATCHED = { live: false, connectionProblem: null };

/** No server can count this rule, and leaving the row out would make it another rule. */
export const NOT_INSTALLED = new ApiError(
  "A condition uses a plugin that isn't installed.",
  'UNKNOWN_CRITERION',
);

/**
 * Keeps the size of one rule at a time.
 *
 * A change aborts the request in flight; a response that arrives nevertheless is discarded.
 */
export class LiveSize {
  #state = INITIAL;
  #draft: Draft | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | null = null;
  #unwatch: (() => void) | null = null;

  constructor(
    private readonly source: SizeSource,
    private readonly publish: (state: SizeState) => void,
  ) {}

  change(draft: Draft): void {
    const { size, pending, error } = this.#state;
    const before = this.#draft;
    this.#draft = draft;
    if (size && !pending && !error && before && sameRule(before.rule, draft.rule)) {
      // The rule is the same, but an unfinished row may have moved other rows.
      this.#set({ counts: countsOf(draft, size) });
      return;
    }
    this.#stop();
    if (draft.unknown.size > 0) {
      this.#set({ pending: false, ...NOT_WATCHED, error: NOT_INSTALLED });
      return;
    }
    this.#set({ pending: true, ...NOT_WATCHED });
    this.#timer = setTimeout(() => void this.#fetch(draft), DEBOUNCE);
  }

  /** Fetch the size of the current rule again. */
  retry(): void {
    if (!this.#draft || this.#draft.unknown.size > 0) return;
    this.#stop();
    this.#set({ pending: true, ...NOT_WATCHED });
    void this.#fetch(this.#draft);
  }

  close(): void {
    this.#stop();
    this.#draft = null;
  }

  async #fetch(draft: Draft): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    try {
      const size = await this.source.fetch(draft.rule, request.signal);
      if (request.signal.aborted) return;
      this.#receive(size);
      this.#timer = setTimeout(() => this.#watch(draft.rule, request.signal), WATCH_DELAY);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#set({ pending: false, error: error as ApiError });
      if ((error as ApiError).code === UNREACHABLE) {
        this.#timer = setTimeout(() => void this.#fetch(draft), RETRY_DELAY);
      }
    }
  }

  #watch(rule: Rule, ended: AbortSignal): void {
    // A connection may still report the end of a watch that was ended here.
    const untilEnded = <Arguments extends unknown[]>(report: (...of: Arguments) => void) => {
      return (...of: Arguments) => {
        if (!ended.aborted) report(...of);
      };
    };
    this.#unwatch = this.source.watch(rule, {
      size: untilEnded((size) => this.#receive(size)),
      error: untilEnded((error) => this.#set({ error, ...NOT_WATCHED })),
      connection: untilEnded((live: boolean, problem?: string) =>
        this.#set({ live, connectionProblem: problem ?? null }),
      ),
    });
  }

  #receive(size: Size): void {
    const { size: before, rule, pending, error } = this.#state;
    const current = before && rule && !pending && !error && this.#draft;
    // The same numbers counted at a later instant change nothing that is shown.
    if (
      current &&
      sameRule(rule, current.rule) &&
      JSON.stringify({ ...size, asOf: before.asOf }) === JSON.stringify(before)
    )
      return;
    const counts = this.#draft ? countsOf(this.#draft, size) : INITIAL.counts;
    this.#set({ size, rule: this.#draft?.rule ?? null, counts, pending: false, error: null });
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
    this.#unwatch?.();
    this.#unwatch = null;
  }

  #set(change: Partial<SizeState>): void {
    this.#state = { ...this.#state, ...change };
    this.publish(this.#state);
  }
}

/** Return the count of each node of a draft, by node id. */
function countsOf(draft: Draft, size: Size): ReadonlyMap<string, number> {
  const members = new Map(size.parts.map((part) => [pathKey(part.path), part.members]));
  const counts = new Map<string, number>();
  for (const [id, path] of draft.paths) {
    const count = members.get(path);
    if (count !== undefined) counts.set(id, count);
  }
  return counts;
}
