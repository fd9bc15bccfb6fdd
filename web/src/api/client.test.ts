import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, ask } from './client';
import { ShopDocument } from './generated/graphql';
import { LONGEST, paused, watchPause } from './pause';

const SHOP = { shop: { name: 'Acme', timezone: 'UTC', currency: 'EUR' } };

/** What the server answers, one after the other; the last for ever. */
let answers: (() => Response)[];
let asked: number;

const answered = () => Response.json({ data: SHOP });

function refused(code: string, extensions: object = {}) {
  const errors = [{ message: 'No.', extensions: { code, ...extensions } }];
  return () => Response.json({ errors }, { status: 429 });
}

const limited = (retryAfter: number) => refused('RATE_LIMITED', { retryAfter });

/** A proxy's answer, which is not JSON. */
const plain = (status: number, headers: HeadersInit = {}) => {
  return () => new Response('<html>', { status, headers });
};

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1_000);

// One clock for all: a pause is not of one test.
beforeAll(() => {
  vi.useFakeTimers();
});

afterAll(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  asked = 0;
  vi.stubGlobal('sessionStorage', { getItem: () => 'token' });
  vi.stubGlobal('fetch', async () => {
    const answer = answers[Math.min(asked, answers.length - 1)] as () => Response;
    asked += 1;
    return answer();
  });
});

afterEach(async () => {
  await pass(LONGEST);
  vi.unstubAllGlobals();
});

describe('a request that comes too soon', () => {
  it('is sent again once the pause is over', async () => {
    answers = [limited(5), answered];
    const answer = ask(ShopDocument, {});
    await pass(4.9);
    expect([asked, paused()]).toStrictEqual([1, 5]);
    await pass(0.2);
    expect([asked, paused()]).toStrictEqual([2, null]);
    await expect(answer).resolves.toStrictEqual(SHOP);
  });

  it('is sent as often as it is put off', async () => {
    answers = [limited(2), limited(3), limited(1), answered];
    const answer = ask(ShopDocument, {});
    await pass(7);
    await expect(answer).resolves.toStrictEqual(SHOP);
    expect(asked).toBe(4);
  });

  it('is put off by a proxy too', async () => {
    answers = [plain(429, { 'Retry-After': '2' }), plain(503, { 'Retry-After': '3' }), answered];
    const answer = ask(ShopDocument, {});
    await pass(5);
    await expect(answer).resolves.toStrictEqual(SHOP);
  });

  it('keeps others from being sent meanwhile', async () => {
    answers = [limited(5), answered];
    const first = ask(ShopDocument, {});
    await pass(1);
    const second = ask(ShopDocument, {});
    await pass(3.9);
    expect(asked).toBe(1);
    await pass(0.2);
    await expect(Promise.all([first, second])).resolves.toStrictEqual([SHOP, SHOP]);
    expect(asked).toBe(3);
  });

  it('is not sent again when nobody waits for it any more', async () => {
    answers = [limited(5), answered];
    const request = new AbortController();
    const answer = ask(ShopDocument, {}, request.signal);
    const ended = expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    await pass(1);
    request.abort();
    await ended;
    await pass(10);
    expect(asked).toBe(1);
  });

  it.each([
    ['of the server', limited(LONGEST + 1), 'RATE_LIMITED'],
    ['of a proxy', plain(503, { 'Retry-After': '3600' }), 'UNAVAILABLE'],
    ['of no length', plain(503), 'UNAVAILABLE'],
    ['until a day', plain(503, { 'Retry-After': 'Fri, 27 Nov 2026 08:00:00 GMT' }), 'UNAVAILABLE'],
  ])('is an error at once for a long pause %s', async (_, answer, code) => {
    answers = [answer];
    await expect(ask(ShopDocument, {})).rejects.toMatchObject({ code, lasting: false });
    expect([asked, paused()]).toStrictEqual([1, null]);
  });

  it('is told of when the pause begins and when it ends', async () => {
    const told: (number | null)[] = [];
    const forget = watchPause(() => told.push(paused()));
    answers = [limited(5), answered];
    await Promise.all([ask(ShopDocument, {}), pass(6)]);
    forget();
    expect(told).toStrictEqual([5, null]);
  });
});

describe('an error', () => {
  it.each([
    'LIMIT_EXCEEDED',
    'QUERY_TOO_DEEP',
    'QUERY_TOO_COSTLY',
    'TOO_MANY_FIELDS',
    'TOO_MANY_TOKENS',
    'BODY_TOO_LARGE',
    'UNTRUSTED_DOCUMENT',
    'UNSUPPORTED_MEDIA_TYPE',
    'INTROSPECTION_OFF',
    'FORBIDDEN',
  ])('of the code %s lasts', async (code) => {
    answers = [refused(code)];
    await expect(ask(ShopDocument, {})).rejects.toMatchObject({ code, lasting: true });
  });

  it.each(['TIMEOUT', 'UNAVAILABLE', 'INTERNAL', 'TOO_MANY_OPERATIONS', 'UNAUTHENTICATED'])(
    'of the code %s may pass',
    (code) => {
      expect(new ApiError('No.', code).lasting).toBe(false);
    },
  );
});
