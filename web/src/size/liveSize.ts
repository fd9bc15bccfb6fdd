/** The size of the rule that is being edited: asked for once the hands rest, then watched. */

import { ApiError } from '../api/client';
import type { SegmentSizeQuery } from '../api/generated/graphql';
import { type Draft, pathKey, type Rule, sameRule } from '../rule/rule';

export type Size = SegmentSizeQuery['segmentSize'];

/** What is known, and whether it is of the rule as it is now. */
export interface SizeState {
  /** The last size that was answered; null at first. */
  size: Size | null;
  /** The rule that it is of. */
  of: Rule | null;
  /** The count of each row and group of that size, by the ids of the editor. */
  counts: ReadonlyMap<string, number>;
  /** Whether the rule has changed since, and the answer is awaited. */
  pending: boolean;
  /** Why there is no size; then the size that was there is of another rule. */
  error: ApiError | null;
  /** Whether the size is watched: it changes when facts do. */
  live: boolean;
  /** Why the size is not watched although it was to be; null while it is, or need not be. */
  apart: string | null;
}

/** How sizes are had: both of the API. */
export interface Source {
  ask(rule: Rule, signal: AbortSignal): Promise<Size>;
  /** Calls back now or later, until the function that it returns is called. */
  watch(rule: Rule, seen: Watcher): () => void;
}

export interface Watcher {
  size(size: Size): void;
  failed(error: ApiError): void;
  /** The connection came back, or went; why, if it is tried again. */
  live(live: boolean, apart?: string): void;
}

/** How long hands must rest before a size is asked for, and a size before it is watched. */
export const DEBOUNCE = 250;
export const SETTLED = 1_000;

export const UNKNOWN: SizeState = {
  size: null,
  of: null,
  counts: new Map(),
  pending: true,
  error: null,
  live: false,
  apart: null,
};

const UNWATCHED = { live: false, apart: null };

/** No server can count such a rule, and to leave the row out would be another rule. */
export const NOT_INSTALLED = new ApiError(
  'The rule has a criterion that is not installed here.',
  'UNKNOWN_CRITERION',
);

/**
 * Asks for one size at a time: a change ends the request under way, whose answer is discarded if
 * it comes nevertheless.
 */
export class LiveSize {
  #state = UNKNOWN;
  #draft: Draft | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | null = null;
  #unwatch: (() => void) | null = null;

  constructor(
    private readonly source: Source,
    private readonly publish: (state: SizeState) => void,
  ) {}

  /** The rule is another one now. */
  change(draft: Draft): void {
    const { size, pending, error } = this.#state;
    const before = this.#draft;
    this.#draft = draft;
    if (size && !pending && !error && before && sameRule(before.rule, draft.rule)) {
      // Such as a row that is not finished, and only moves others.
      this.#set({ counts: countsOf(draft, size) });
      return;
    }
    this.#stop();
    if (draft.unknown.size > 0) {
      this.#set({ pending: false, ...UNWATCHED, error: NOT_INSTALLED });
      return;
    }
    this.#set({ pending: true, ...UNWATCHED });
    this.#timer = setTimeout(() => void this.#ask(draft), DEBOUNCE);
  }

  /** Asks again for the rule as it is. */
  retry(): void {
    if (!this.#draft || this.#draft.unknown.size > 0) return;
    this.#stop();
    this.#set({ pending: true, ...UNWATCHED });
    void this.#ask(this.#draft);
  }

  close(): void {
    this.#stop();
    this.#draft = null;
  }

  async #ask(draft: Draft): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    try {
      const size = await this.source.ask(draft.rule, request.signal);
      if (request.signal.aborted) return;
      this.#answered(size);
      this.#timer = setTimeout(() => this.#watch(draft.rule, request.signal), SETTLED);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#set({ pending: false, error: error as ApiError });
    }
  }

  #watch(rule: Rule, ended: AbortSignal): void {
    // A connection may tell of the end of a watch after it was ended.
    const until = <Told extends unknown[]>(tell: (...told: Told) => void) => {
      return (...told: Told) => {
        if (!ended.aborted) tell(...told);
      };
    };
    this.#unwatch = this.source.watch(rule, {
      size: until((size) => this.#answered(size)),
      failed: until((error) => this.#set({ error, ...UNWATCHED })),
      live: until((live: boolean, apart?: string) => this.#set({ live, apart: apart ?? null })),
    });
  }

  #answered(size: Size): void {
    const { size: before, of, pending, error } = this.#state;
    const known = before && of && !pending && !error && this.#draft;
    // Only counted again: what is shown stays, and is not loaded again.
    if (
      known &&
      sameRule(of, known.rule) &&
      JSON.stringify({ ...size, asOf: before.asOf }) === JSON.stringify(before)
    )
      return;
    const counts = this.#draft ? countsOf(this.#draft, size) : UNKNOWN.counts;
    this.#set({ size, of: this.#draft?.rule ?? null, counts, pending: false, error: null });
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

/** The count of each node of a draft, by its id. */
function countsOf(draft: Draft, size: Size): ReadonlyMap<string, number> {
  const members = new Map(size.parts.map((part) => [pathKey(part.path), part.members]));
  const counts = new Map<string, number>();
  for (const [id, path] of draft.paths) {
    const count = members.get(path);
    if (count !== undefined) counts.set(id, count);
  }
  return counts;
}
