import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../api/client';
import type { Draft, Rule } from '../rule/rule';
import {
  DEBOUNCE,
  LiveSize,
  NOT_INSTALLED,
  SETTLED,
  type Size,
  type SizeState,
  type Watcher,
} from './liveSize';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

interface Request {
  rule: Rule;
  signal: AbortSignal;
  answer(size: Size): void;
  fail(error: Error): void;
}

interface Watch {
  rule: Rule;
  seen: Watcher;
  ended: boolean;
}

/** The API, which answers when it is told to, also what nobody waits for any more. */
class Api {
  readonly requests: Request[] = [];
  readonly watches: Watch[] = [];

  ask(rule: Rule, signal: AbortSignal): Promise<Size> {
    return new Promise((answer, fail) => this.requests.push({ rule, signal, answer, fail }));
  }

  watch(rule: Rule, seen: Watcher): () => void {
    const watch: Watch = { rule, seen, ended: false };
    this.watches.push(watch);
    return () => {
      watch.ended = true;
      // A connection tells that it is through with a watch, as it would if the server had ended it.
      seen.live(false);
    };
  }

  inFlight(): number {
    return this.requests.filter(({ signal }) => !signal.aborted).length;
  }

  request(place = -1): Request {
    return this.requests.at(place) as Request;
  }

  get watching(): Watch {
    return this.watches.at(-1) as Watch;
  }
}

/** The rule of a number, with the rows "row-<number>-a" and "row-<number>-b". */
function draftOf(made: number): Draft {
  return {
    rule: { all: [{ a: { made } }, { b: { made } }] },
    paths: new Map([
      [`row-${made}-a`, 'rule.all.0'],
      [`row-${made}-b`, 'rule.all.1'],
      [`root-${made}`, 'rule'],
    ]),
    unfinished: new Map(),
    unknown: new Set(),
  };
}

/** The number of a rule, by which sizes and errors of it are known. */
function madeOf(rule: Rule): string {
  return String((rule as { all: { a: { made: number } }[] }).all[0]?.a.made);
}

function sizeOf(members: number, asOf = ''): Size {
  const parts = [
    { path: ['rule'], summary: '', members },
    { path: ['rule', 'all', '0'], summary: '', members: members + 1 },
    { path: ['rule', 'all', '1'], summary: '', members: members + 2 },
  ];
  return { members, textable: 0, contacts: 1000, share: members / 1000, asOf, parts };
}

function errorOf(message: string): ApiError {
  return new ApiError(message, 'TIMEOUT');
}

function begin() {
  const api = new Api();
  const states: SizeState[] = [];
  const live = new LiveSize(api, (state) => states.push(state));
  return { api, live, states, last: () => states.at(-1) as SizeState };
}

const pass = (time: number) => vi.advanceTimersByTimeAsync(time);

/** Answers are told a moment after they came. */
const settle = () => pass(0);

async function counted(made: number, members: number) {
  const begun = begin();
  begun.live.change(draftOf(made));
  await pass(DEBOUNCE);
  begun.api.request().answer(sizeOf(members));
  await settle();
  return begun;
}

async function watched(made: number, members: number) {
  const begun = await counted(made, members);
  await pass(SETTLED);
  begun.api.watching.seen.live(true);
  return begun;
}

async function failed(made: number, members: number, message: string) {
  const begun = await counted(made, members);
  begun.live.change(draftOf(made + 1));
  await pass(DEBOUNCE);
  begun.api.request().fail(errorOf(message));
  await settle();
  return begun;
}

describe('a size', () => {
  it('is asked for once after many quick changes, of the last rule', async () => {
    const { api, live } = begin();
    for (let made = 0; made < 20; made += 1) {
      live.change(draftOf(made));
      await pass(DEBOUNCE - 1);
    }
    expect(api.requests).toHaveLength(0);
    await pass(1);
    await pass(10 * DEBOUNCE);
    expect(api.requests.map(({ rule }) => rule)).toStrictEqual([draftOf(19).rule]);
  });

  it('is asked for by one request at a time', async () => {
    const { api, live } = begin();
    for (let made = 0; made < 5; made += 1) {
      live.change(draftOf(made));
      await pass(DEBOUNCE);
      expect(api.inFlight()).toBe(1);
      expect(api.request().signal.aborted).toBe(false);
    }
    expect(api.requests).toHaveLength(5);
  });

  it('is no longer awaited as soon as the rule has changed', async () => {
    const { api, live } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    expect(api.request().signal.aborted).toBe(true);
    expect(api.requests).toHaveLength(1);
  });

  it('is not that of a former rule, whose answer comes late', async () => {
    const { api, live, last } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    await pass(DEBOUNCE);
    api.request(0).answer(sizeOf(10));
    await settle();
    expect(last()).toMatchObject({ size: null, pending: true });
    api.request(1).answer(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false });
  });

  it('is not replaced by the late answer of a former rule', async () => {
    const { api, live, states, last } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    await pass(DEBOUNCE);
    api.request(1).answer(sizeOf(20));
    await settle();
    const published = states.length;
    api.request(0).answer(sizeOf(10));
    await settle();
    expect(last().size?.members).toBe(20);
    expect(states).toHaveLength(published);
  });

  it('is pending at once when the rule has changed, and stays to be seen', async () => {
    const { live, last } = await counted(1, 10);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: false, error: null });
    live.change(draftOf(2));
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true });
  });

  it('has the counts of rows and groups by their ids', async () => {
    const { last } = await counted(7, 10);
    expect(last().counts).toStrictEqual(
      new Map([
        ['row-7-a', 11],
        ['row-7-b', 12],
        ['root-7', 10],
      ]),
    );
  });

  it('has no count of a node that the answer does not tell of', async () => {
    const { api, live, last } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    api.request().answer({ ...sizeOf(10), parts: sizeOf(10).parts.slice(0, 2) });
    await settle();
    expect(last().counts.has('row-1-b')).toBe(false);
  });
});

describe('a size that cannot be had', () => {
  it('is an error, and never 0', async () => {
    const { api, live, last } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    api.request().fail(errorOf('It took too long.'));
    await settle();
    expect(last()).toMatchObject({
      size: null,
      pending: false,
      error: { message: 'It took too long.', code: 'TIMEOUT' },
    });
    expect(last().counts.size).toBe(0);
  });

  it('leaves the size before as it was', async () => {
    const { last } = await failed(1, 10, 'It took too long.');
    expect(last()).toMatchObject({ size: { members: 10 }, error: { code: 'TIMEOUT' } });
  });

  it('is not watched', async () => {
    const { api } = await failed(1, 10, 'It took too long.');
    await pass(10 * SETTLED);
    expect(api.watches).toHaveLength(0);
  });

  it('is no error when the request was ended by a change', async () => {
    const { api, live, states, last } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    api.request().fail(new DOMException('The request was aborted.', 'AbortError'));
    await settle();
    expect(last()).toMatchObject({ pending: true, error: null });
    expect(states.every(({ error }) => error === null)).toBe(true);
  });

  it('is asked for again at once', async () => {
    const { api, live, last } = await failed(1, 10, 'It took too long.');
    live.retry();
    expect(last().pending).toBe(true);
    expect(api.request().rule).toStrictEqual(draftOf(2).rule);
    expect(api.requests).toHaveLength(3);
    api.request().answer(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false, error: null });
    expect(last().counts.get('row-2-a')).toBe(21);
  });

  it('is asked for once when it is asked for again before hands rest', async () => {
    const { api, live } = begin();
    live.change(draftOf(1));
    live.retry();
    await pass(10 * DEBOUNCE);
    expect(api.requests).toHaveLength(1);
  });

  it('is not asked for again while there is no rule', () => {
    const { api, live, states } = begin();
    live.retry();
    expect(api.requests).toHaveLength(0);
    expect(states).toHaveLength(0);
  });
});

describe('a rule with a criterion that is not installed', () => {
  const notInstalled = (made: number): Draft => ({ ...draftOf(made), unknown: new Set(['row']) });

  it('is an error at once, without a question', async () => {
    const { api, live, last } = await watched(1, 10);
    live.change(notInstalled(2));
    expect(last()).toMatchObject({ pending: false, live: false, error: NOT_INSTALLED });
    expect(api.watching.ended).toBe(true);
    live.retry();
    await pass(10 * SETTLED);
    expect(api.requests).toHaveLength(1);
    expect(api.watches).toHaveLength(1);
  });

  it('has a size again without the criterion', async () => {
    const { api, live, last } = begin();
    live.change(notInstalled(1));
    live.change(draftOf(2));
    expect(last().pending).toBe(true);
    await pass(DEBOUNCE);
    api.request().answer(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false, error: null });
  });
});

describe('a watch', () => {
  it('begins once the size has settled', async () => {
    const { api } = await counted(1, 10);
    await pass(SETTLED - 1);
    expect(api.watches).toHaveLength(0);
    await pass(1);
    await pass(10 * SETTLED);
    expect(api.watches.map(({ rule }) => rule)).toStrictEqual([draftOf(1).rule]);
  });

  it('does not begin when the rule has changed meanwhile', async () => {
    const { api, live } = await counted(1, 10);
    await pass(SETTLED - 1);
    live.change(draftOf(2));
    await pass(10 * SETTLED);
    expect(api.watches).toHaveLength(0);
  });

  it('makes the size live, for as long as it is connected', async () => {
    const { api, last } = await counted(1, 10);
    await pass(SETTLED);
    expect(last().live).toBe(false);
    api.watching.seen.live(true);
    expect(last().live).toBe(true);
    api.watching.seen.live(false);
    expect(last()).toMatchObject({ size: { members: 10 }, live: false, error: null });
  });

  it('that is parted from the server says why, until it is connected again', async () => {
    const { api, live, last } = await watched(1, 10);
    api.watching.seen.live(false, 'Too many.');
    expect(last()).toMatchObject({ size: { members: 10 }, live: false, apart: 'Too many.' });
    api.watching.seen.live(true);
    expect(last()).toMatchObject({ live: true, apart: null });
    api.watching.seen.live(false, 'Too many.');
    live.change(draftOf(2));
    expect(last()).toMatchObject({ pending: true, live: false, apart: null });
  });

  it('tells the size and the counts anew', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.seen.size(sizeOf(15));
    expect(last()).toMatchObject({ size: { members: 15 }, pending: false, live: true });
    expect(last().counts.get('row-1-a')).toBe(16);
  });

  it('tells nothing when the same was only counted again', async () => {
    const { api, states, last } = await watched(1, 10);
    const published = states.length;
    api.watching.seen.size(sizeOf(10, 'later'));
    expect(states).toHaveLength(published);
    api.watching.seen.size(sizeOf(11, 'later'));
    expect(last()).toMatchObject({ size: { members: 11, asOf: 'later' } });
  });

  it('ends when the rule changes, and the size is not live then', async () => {
    const { api, live, last } = await watched(1, 10);
    live.change(draftOf(2));
    expect(api.watching.ended).toBe(true);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('tells nothing after its end', async () => {
    const { api, live, states, last } = await watched(1, 10);
    live.change(draftOf(2));
    const published = states.length;
    const { seen } = api.watching;
    seen.size(sizeOf(15));
    seen.failed(errorOf('The server ended the connection.'));
    seen.live(true);
    expect(states).toHaveLength(published);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('that fails is an error, and the size is not live', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.seen.failed(errorOf('The server ended the connection.'));
    expect(last()).toMatchObject({
      size: { members: 10 },
      live: false,
      pending: false,
      error: { message: 'The server ended the connection.' },
    });
  });

  it('that fails and goes on tells the size again', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.seen.failed(errorOf('It took too long.'));
    api.watching.seen.size(sizeOf(15));
    expect(last()).toMatchObject({ size: { members: 15 }, error: null });
  });

  it('makes no size live that is asked for again', async () => {
    const { live, last } = await watched(1, 10);
    live.retry();
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('ends when the size is asked for again, and another begins', async () => {
    const { api, live, last } = await watched(1, 10);
    api.watching.seen.failed(errorOf('It took too long.'));
    live.retry();
    expect(api.watches.map(({ ended }) => ended)).toStrictEqual([true]);
    expect(last()).toMatchObject({ pending: true, live: false });
    api.request().answer(sizeOf(15));
    await settle();
    await pass(SETTLED);
    expect(api.watches.map(({ ended }) => ended)).toStrictEqual([true, false]);
  });
});

describe('the end', () => {
  it('comes before anything is asked for', async () => {
    const { api, live, states } = begin();
    live.change(draftOf(1));
    live.close();
    const published = states.length;
    await pass(10 * DEBOUNCE);
    expect(api.requests).toHaveLength(0);
    expect(states).toHaveLength(published);
  });

  it.each(['answer', 'fail'] as const)('ends a request, whose %s is not told', async (how) => {
    const { api, live, states } = begin();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.close();
    const published = states.length;
    expect(api.inFlight()).toBe(0);
    if (how === 'answer') api.request().answer(sizeOf(10));
    else api.request().fail(errorOf('It took too long.'));
    await pass(10 * SETTLED);
    expect(states).toHaveLength(published);
    expect(api.watches).toHaveLength(0);
  });

  it('ends a watch, which tells nothing after it', async () => {
    const { api, live, states } = await watched(1, 10);
    const published = states.length;
    live.close();
    const { ended, seen } = api.watching;
    expect(ended).toBe(true);
    seen.size(sizeOf(15));
    seen.live(false);
    seen.failed(errorOf('The server ended the connection.'));
    expect(states).toHaveLength(published);
  });

  it('lets nothing be asked for again', async () => {
    const { api, live, states } = await failed(1, 10, 'It took too long.');
    live.close();
    const published = states.length;
    live.retry();
    await pass(10 * DEBOUNCE);
    expect(api.requests).toHaveLength(2);
    expect(states).toHaveLength(published);
  });
});

type Step =
  | { does: 'change' }
  | { does: 'retry' }
  | { does: 'answer' | 'fail' | 'update' | 'lose'; which: number }
  | { does: 'pass'; time: number };

const which = fc.nat(99);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: fc.constant<Step>({ does: 'change' }), weight: 3 },
    fc.constant<Step>({ does: 'retry' }),
    {
      arbitrary: fc.record({
        does: fc.constantFrom('answer', 'fail'),
        which,
      }) as fc.Arbitrary<Step>,
      weight: 3,
    },
    fc.record({ does: fc.constantFrom('update', 'lose'), which }) as fc.Arbitrary<Step>,
    {
      arbitrary: fc.record({
        does: fc.constant('pass' as const),
        time: fc.constantFrom(1, DEBOUNCE - 1, DEBOUNCE, SETTLED),
      }),
      weight: 3,
    },
  ),
  { minLength: 1, maxLength: 60 },
);

/** The numbers of the rules that a state is of; there should be one. */
function rulesOf({ size, counts, error }: SizeState): string[] {
  if (error) return [error.message];
  return [String(size?.asOf), ...[...counts.keys()].map((id) => String(id.split('-')[1]))];
}

describe('whatever comes in whatever order', () => {
  it('what is told is of the rule as it is, or is pending', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        vi.clearAllTimers();
        const api = new Api();
        let made = 0;
        let published = 0;
        const told: string[][] = [];
        const live = new LiveSize(api, (state) => {
          published += 1;
          if (!state.pending) told.push([String(made), ...rulesOf(state)]);
        });
        for (const step of some) {
          if (step.does === 'change') {
            made += 1;
            live.change(draftOf(made));
          } else if (step.does === 'retry') {
            live.retry();
          } else if (step.does === 'pass') {
            await pass(step.time);
          } else if (step.does === 'answer' || step.does === 'fail') {
            const request = api.requests[step.which % api.requests.length];
            if (!request) continue;
            if (step.does === 'answer') request.answer(sizeOf(step.which, madeOf(request.rule)));
            else request.fail(errorOf(madeOf(request.rule)));
            await settle();
          } else {
            const watch = api.watches[step.which % api.watches.length];
            if (!watch) continue;
            if (step.does === 'update') watch.seen.size(sizeOf(step.which, madeOf(watch.rule)));
            else watch.seen.failed(errorOf(madeOf(watch.rule)));
          }
          expect(api.inFlight()).toBeLessThanOrEqual(1);
          expect(api.watches.filter(({ ended }) => !ended).length).toBeLessThanOrEqual(1);
        }
        if (made === 0) {
          expect(published).toBe(0);
          return;
        }
        live.retry();
        api.request().answer(sizeOf(1, String(made)));
        const before = published;
        await settle();
        expect(published).toBe(before + 1);
        expect(told.filter((of) => new Set(of).size > 1)).toStrictEqual([]);
        live.close();
        expect(api.inFlight()).toBe(0);
        await pass(10 * SETTLED);
        expect(published).toBe(before + 1);
      }),
      { numRuns: 300 },
    );
  });
});
