/** The live size: long because each state and failure of a connection is a case. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, UNREACHABLE } from '../api/client';
import type { Draft, Rule } from '../rule/rule';
import {
  DEBOUNCE,
  LiveSize,
  NOT_INSTALLED,
  RETRY_DELAY,
  type Size,
  type SizeObserver,
  type SizeState,
  WATCH_DELAY,
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
  respond(size: Size): void;
  fail(error: Error): void;
}

interface Watch {
  rule: Rule;
  observer: SizeObserver;
  ended: boolean;
}

/** An API whose responses the test triggers, also those to aborted requests. */
class FakeApi {
  readonly requests: Request[] = [];
  readonly watches: Watch[] = [];

  fetch(rule: Rule, signal: AbortSignal): Promise<Size> {
    return new Promise((respond, fail) => this.requests.push({ rule, signal, respond, fail }));
  }

  watch(rule: Rule, observer: SizeObserver): () => void {
    const watch: Watch = { rule, observer, ended: false };
    this.watches.push(watch);
    return () => {
      watch.ended = true;
      // A connection reports the end of a watch in the same way when the server ends it.
      observer.connection(false);
    };
  }

  inFlight(): number {
    return this.requests.filter(({ signal }) => !signal.aborted).length;
  }

  request(index = -1): Request {
    return this.requests.at(index) as Request;
  }

  get watching(): Watch {
    return this.watches.at(-1) as Watch;
  }
}

/** Return a numbered draft with the rows "row-<number>-a" and "row-<number>-b". */
function draftOf(number: number): Draft {
  return {
    rule: { all: [{ a: { number } }, { b: { number } }] },
    paths: new Map([
      [`row-${number}-a`, 'rule.all.0'],
      [`row-${number}-b`, 'rule.all.1'],
      [`root-${number}`, 'rule'],
    ]),
    unfinished: new Map(),
    unknown: new Set(),
  };
}

/** Return the number of a rule; the test labels its sizes and errors with it. */
function numberOf(rule: Rule): string {
  return String((rule as { all: { a: { number: number } }[] }).all[0]?.a.number);
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

function start() {
  const api = new FakeApi();
  const states: SizeState[] = [];
  const live = new LiveSize(api, (state) => states.push(state));
  return { api, live, states, last: () => states.at(-1) as SizeState };
}

const pass = (time: number) => vi.advanceTimersByTimeAsync(time);

/** Let promises resolve. */
const settle = () => pass(0);

async function counted(number: number, members: number) {
  const started = start();
  started.live.change(draftOf(number));
  await pass(DEBOUNCE);
  started.api.request().respond(sizeOf(members));
  await settle();
  return started;
}

async function watched(number: number, members: number) {
  const started = await counted(number, members);
  await pass(WATCH_DELAY);
  started.api.watching.observer.connection(true);
  return started;
}

async function failed(number: number, members: number, message: string) {
  const started = await counted(number, members);
  started.live.change(draftOf(number + 1));
  await pass(DEBOUNCE);
  started.api.request().fail(errorOf(message));
  await settle();
  return started;
}

describe('a size', () => {
  it('is fetched once after many quick changes, for the last rule', async () => {
    const { api, live } = start();
    for (let number = 0; number < 20; number += 1) {
      live.change(draftOf(number));
      await pass(DEBOUNCE - 1);
    }
    expect(api.requests).toHaveLength(0);
    await pass(1);
    await pass(10 * DEBOUNCE);
    expect(api.requests.map(({ rule }) => rule)).toStrictEqual([draftOf(19).rule]);
  });

  it('is fetched by one request at a time', async () => {
    const { api, live } = start();
    for (let number = 0; number < 5; number += 1) {
      live.change(draftOf(number));
      await pass(DEBOUNCE);
      expect(api.inFlight()).toBe(1);
      expect(api.request().signal.aborted).toBe(false);
    }
    expect(api.requests).toHaveLength(5);
  });

  it('is no longer awaited once the rule changes', async () => {
    const { api, live } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    expect(api.request().signal.aborted).toBe(true);
    expect(api.requests).toHaveLength(1);
  });

  it('is not taken from the late response for an earlier rule', async () => {
    const { api, live, last } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    await pass(DEBOUNCE);
    api.request(0).respond(sizeOf(10));
    await settle();
    expect(last()).toMatchObject({ size: null, pending: true });
    api.request(1).respond(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false });
  });

  it('is not replaced by the late response for an earlier rule', async () => {
    const { api, live, states, last } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    await pass(DEBOUNCE);
    api.request(1).respond(sizeOf(20));
    await settle();
    const published = states.length;
    api.request(0).respond(sizeOf(10));
    await settle();
    expect(last().size?.members).toBe(20);
    expect(states).toHaveLength(published);
  });

  it('stays visible but pending when the rule changes', async () => {
    const { live, last } = await counted(1, 10);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: false, error: null });
    live.change(draftOf(2));
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true });
  });

  it('comes with the counts of rows and groups by their ids', async () => {
    const { last } = await counted(7, 10);
    expect(last().counts).toStrictEqual(
      new Map([
        ['row-7-a', 11],
        ['row-7-b', 12],
        ['root-7', 10],
      ]),
    );
  });

  it('comes without the count of a node that the response leaves out', async () => {
    const { api, live, last } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    api.request().respond({ ...sizeOf(10), parts: sizeOf(10).parts.slice(0, 2) });
    await settle();
    expect(last().counts.has('row-1-b')).toBe(false);
  });
});

describe('a size that cannot be fetched', () => {
  it('is an error, and never 0', async () => {
    const { api, live, last } = start();
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

  it('keeps the earlier size', async () => {
    const { last } = await failed(1, 10, 'It took too long.');
    expect(last()).toMatchObject({ size: { members: 10 }, error: { code: 'TIMEOUT' } });
  });

  it('is not watched', async () => {
    const { api } = await failed(1, 10, 'It took too long.');
    await pass(10 * WATCH_DELAY);
    expect(api.watches).toHaveLength(0);
  });

  it('is no error when a change aborted the request', async () => {
    const { api, live, states, last } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.change(draftOf(2));
    api.request().fail(new DOMException('The request was aborted.', 'AbortError'));
    await settle();
    expect(last()).toMatchObject({ pending: true, error: null });
    expect(states.every(({ error }) => error === null)).toBe(true);
  });

  it('is fetched again at once by a retry', async () => {
    const { api, live, last } = await failed(1, 10, 'It took too long.');
    live.retry();
    expect(last().pending).toBe(true);
    expect(api.request().rule).toStrictEqual(draftOf(2).rule);
    expect(api.requests).toHaveLength(3);
    api.request().respond(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false, error: null });
    expect(last().counts.get('row-2-a')).toBe(21);
  });

  it('is fetched once when a retry comes before the debounced request', async () => {
    const { api, live } = start();
    live.change(draftOf(1));
    live.retry();
    await pass(10 * DEBOUNCE);
    expect(api.requests).toHaveLength(1);
  });

  it('is fetched again by itself while the server is unreachable', async () => {
    const { api, live, last } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    for (let failures = 1; failures <= 3; failures += 1) {
      api.request().fail(new ApiError("Can't reach the server.", UNREACHABLE));
      await settle();
      expect(last()).toMatchObject({ pending: false, error: { code: UNREACHABLE } });
      await pass(RETRY_DELAY - 1);
      expect(api.requests).toHaveLength(failures);
      await pass(1);
      expect(api.requests).toHaveLength(failures + 1);
    }
    api.request().respond(sizeOf(10));
    await settle();
    expect(last()).toMatchObject({ size: { members: 10 }, pending: false, error: null });
    await pass(WATCH_DELAY);
    expect(api.watches).toHaveLength(1);
  });

  it.each([
    ['a change', (live: LiveSize) => live.change(draftOf(2)), 1],
    ['a retry', (live: LiveSize) => live.retry(), 1],
    ['close', (live: LiveSize) => live.close(), 0],
  ])('is not fetched again by itself after %s', async (_, interrupt, expected) => {
    const { api, live } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    api.request().fail(new ApiError("Can't reach the server.", UNREACHABLE));
    await settle();
    interrupt(live);
    await pass(10 * RETRY_DELAY);
    expect(api.requests).toHaveLength(1 + expected);
  });

  it('is not fetched again before there is a rule', () => {
    const { api, live, states } = start();
    live.retry();
    expect(api.requests).toHaveLength(0);
    expect(states).toHaveLength(0);
  });
});

describe('a rule with a criterion that is not installed', () => {
  const notInstalled = (number: number): Draft => ({
    ...draftOf(number),
    unknown: new Set(['row']),
  });

  it('is an error at once, without a request', async () => {
    const { api, live, last } = await watched(1, 10);
    live.change(notInstalled(2));
    expect(last()).toMatchObject({ pending: false, live: false, error: NOT_INSTALLED });
    expect(api.watching.ended).toBe(true);
    live.retry();
    await pass(10 * WATCH_DELAY);
    expect(api.requests).toHaveLength(1);
    expect(api.watches).toHaveLength(1);
  });

  it('has a size again after the criterion is removed', async () => {
    const { api, live, last } = start();
    live.change(notInstalled(1));
    live.change(draftOf(2));
    expect(last().pending).toBe(true);
    await pass(DEBOUNCE);
    api.request().respond(sizeOf(20));
    await settle();
    expect(last()).toMatchObject({ size: { members: 20 }, pending: false, error: null });
  });
});

describe('a watch', () => {
  it('starts a while after the size arrived', async () => {
    const { api } = await counted(1, 10);
    await pass(WATCH_DELAY - 1);
    expect(api.watches).toHaveLength(0);
    await pass(1);
    await pass(10 * WATCH_DELAY);
    expect(api.watches.map(({ rule }) => rule)).toStrictEqual([draftOf(1).rule]);
  });

  it('does not start if the rule changes first', async () => {
    const { api, live } = await counted(1, 10);
    await pass(WATCH_DELAY - 1);
    live.change(draftOf(2));
    await pass(10 * WATCH_DELAY);
    expect(api.watches).toHaveLength(0);
  });

  it('makes the size live while it is connected', async () => {
    const { api, last } = await counted(1, 10);
    await pass(WATCH_DELAY);
    expect(last().live).toBe(false);
    api.watching.observer.connection(true);
    expect(last().live).toBe(true);
    api.watching.observer.connection(false);
    expect(last()).toMatchObject({ size: { members: 10 }, live: false, error: null });
  });

  it('reports why it lost the connection, until it is connected again', async () => {
    const { api, live, last } = await watched(1, 10);
    api.watching.observer.connection(false, 'Too many.');
    expect(last()).toMatchObject({
      size: { members: 10 },
      live: false,
      connectionProblem: 'Too many.',
    });
    api.watching.observer.connection(true);
    expect(last()).toMatchObject({ live: true, connectionProblem: null });
    api.watching.observer.connection(false, 'Too many.');
    live.change(draftOf(2));
    expect(last()).toMatchObject({ pending: true, live: false, connectionProblem: null });
  });

  it('updates the size and the counts', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.observer.size(sizeOf(15));
    expect(last()).toMatchObject({ size: { members: 15 }, pending: false, live: true });
    expect(last().counts.get('row-1-a')).toBe(16);
  });

  it('publishes nothing when only the time of the count has changed', async () => {
    const { api, states, last } = await watched(1, 10);
    const published = states.length;
    api.watching.observer.size(sizeOf(10, 'later'));
    expect(states).toHaveLength(published);
    api.watching.observer.size(sizeOf(11, 'later'));
    expect(last()).toMatchObject({ size: { members: 11, asOf: 'later' } });
  });

  it('ends when the rule changes, and with it the live size', async () => {
    const { api, live, last } = await watched(1, 10);
    live.change(draftOf(2));
    expect(api.watching.ended).toBe(true);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('publishes nothing after its end', async () => {
    const { api, live, states, last } = await watched(1, 10);
    live.change(draftOf(2));
    const published = states.length;
    const { observer } = api.watching;
    observer.size(sizeOf(15));
    observer.error(errorOf('The server closed the connection.'));
    observer.connection(true);
    expect(states).toHaveLength(published);
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('that fails is an error, and ends the live size', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.observer.error(errorOf('The server closed the connection.'));
    expect(last()).toMatchObject({
      size: { members: 10 },
      live: false,
      pending: false,
      error: { message: 'The server closed the connection.' },
    });
  });

  it('can update the size after an error', async () => {
    const { api, last } = await watched(1, 10);
    api.watching.observer.error(errorOf('It took too long.'));
    api.watching.observer.size(sizeOf(15));
    expect(last()).toMatchObject({ size: { members: 15 }, error: null });
  });

  it('ends the live size when the size is fetched again', async () => {
    const { live, last } = await watched(1, 10);
    live.retry();
    expect(last()).toMatchObject({ size: { members: 10 }, pending: true, live: false });
  });

  it('ends when the size is fetched again, and another one starts', async () => {
    const { api, live, last } = await watched(1, 10);
    api.watching.observer.error(errorOf('It took too long.'));
    live.retry();
    expect(api.watches.map(({ ended }) => ended)).toStrictEqual([true]);
    expect(last()).toMatchObject({ pending: true, live: false });
    api.request().respond(sizeOf(15));
    await settle();
    await pass(WATCH_DELAY);
    expect(api.watches.map(({ ended }) => ended)).toStrictEqual([true, false]);
  });
});

describe('close', () => {
  it('prevents a request that is still debounced', async () => {
    const { api, live, states } = start();
    live.change(draftOf(1));
    live.close();
    const published = states.length;
    await pass(10 * DEBOUNCE);
    expect(api.requests).toHaveLength(0);
    expect(states).toHaveLength(published);
  });

  it.each(['respond', 'fail'] as const)('aborts a request and ignores that it %ss', async (how) => {
    const { api, live, states } = start();
    live.change(draftOf(1));
    await pass(DEBOUNCE);
    live.close();
    const published = states.length;
    expect(api.inFlight()).toBe(0);
    if (how === 'respond') api.request().respond(sizeOf(10));
    else api.request().fail(errorOf('It took too long.'));
    await pass(10 * WATCH_DELAY);
    expect(states).toHaveLength(published);
    expect(api.watches).toHaveLength(0);
  });

  it('ends a watch and ignores its later reports', async () => {
    const { api, live, states } = await watched(1, 10);
    const published = states.length;
    live.close();
    const { ended, observer } = api.watching;
    expect(ended).toBe(true);
    observer.size(sizeOf(15));
    observer.connection(false);
    observer.error(errorOf('The server closed the connection.'));
    expect(states).toHaveLength(published);
  });

  it('prevents a retry', async () => {
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
  | { does: 'respond' | 'fail' | 'update' | 'lose'; which: number }
  | { does: 'pass'; time: number };

const which = fc.nat(99);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: fc.constant<Step>({ does: 'change' }), weight: 3 },
    fc.constant<Step>({ does: 'retry' }),
    {
      arbitrary: fc.record({
        does: fc.constantFrom('respond', 'fail'),
        which,
      }) as fc.Arbitrary<Step>,
      weight: 3,
    },
    fc.record({ does: fc.constantFrom('update', 'lose'), which }) as fc.Arbitrary<Step>,
    {
      arbitrary: fc.record({
        does: fc.constant('pass' as const),
        time: fc.constantFrom(1, DEBOUNCE - 1, DEBOUNCE, WATCH_DELAY),
      }),
      weight: 3,
    },
  ),
  { minLength: 1, maxLength: 60 },
);

/** Return the numbers of the rules that a state belongs to; they should all be equal. */
function rulesOf({ size, counts, error }: SizeState): string[] {
  if (error) return [error.message];
  return [String(size?.asOf), ...[...counts.keys()].map((id) => String(id.split('-')[1]))];
}

describe('in any order of events', () => {
  it('a state that is not pending belongs to the current rule', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        vi.clearAllTimers();
        const api = new FakeApi();
        let number = 0;
        let published = 0;
        const settled: string[][] = [];
        const live = new LiveSize(api, (state) => {
          published += 1;
          if (!state.pending) settled.push([String(number), ...rulesOf(state)]);
        });
        for (const step of sequence) {
          if (step.does === 'change') {
            number += 1;
            live.change(draftOf(number));
          } else if (step.does === 'retry') {
            live.retry();
          } else if (step.does === 'pass') {
            await pass(step.time);
          } else if (step.does === 'respond' || step.does === 'fail') {
            const request = api.requests[step.which % api.requests.length];
            if (!request) continue;
            const label = numberOf(request.rule);
            if (step.does === 'respond') request.respond(sizeOf(step.which, label));
            else request.fail(errorOf(label));
            await settle();
          } else {
            const watch = api.watches[step.which % api.watches.length];
            if (!watch) continue;
            const label = numberOf(watch.rule);
            if (step.does === 'update') watch.observer.size(sizeOf(step.which, label));
            else watch.observer.error(errorOf(label));
          }
          expect(api.inFlight()).toBeLessThanOrEqual(1);
          expect(api.watches.filter(({ ended }) => !ended).length).toBeLessThanOrEqual(1);
        }
        if (number === 0) {
          expect(published).toBe(0);
          return;
        }
        live.retry();
        api.request().respond(sizeOf(1, String(number)));
        const before = published;
        await settle();
        expect(published).toBe(before + 1);
        expect(settled.filter((numbers) => new Set(numbers).size > 1)).toStrictEqual([]);
        live.close();
        expect(api.inFlight()).toBe(0);
        await pass(10 * WATCH_DELAY);
        expect(published).toBe(before + 1);
      }),
      { numRuns: 300 },
    );
  });
});
