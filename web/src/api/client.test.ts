import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, execute } from './client';
import { ShopDocument } from './generated/graphql';
import { MAX_PAUSE, onPauseChange, pauseLength } from './pause';

const SHOP = { shop: { name: 'Acme', timezone: 'UTC', utcOffsets: [], currency: 'EUR' } };

/** The server's responses in order; the last one repeats. */
let responses: (() => Response)[];
let requests: number;

const success = () => Response.json({ data: SHOP });

function failure(code: string, extensions: object = {}) {
  const errors = [{ message: 'No.', extensions: { code, ...extensions } }];
  return () => Response.json({ errors }, { status: 429 });
}

const rateLimited = (retryAfter: number) => failure('RATE_LIMITED', { retryAfter });

/** A proxy's response, which is not JSON. */
const proxyError = (status: number, headers: HeadersInit = {}) => {
  return () => new Response('<html>', { status, headers });
};

const wait = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1_000);

// All tests share one clock, because a pause outlasts the test that started it.
beforeAll(() => {
  vi.useFakeTimers();
});

afterAll(() => {
  vi.useRealTimers();
});

beforeEach(() => {
  requests = 0;
  vi.stubGlobal('sessionStorage', { getItem: () => 'token' });
  vi.stubGlobal('fetch', async () => {
    const respond = responses[Math.min(requests, responses.length - 1)] as () => Response;
    requests += 1;
    return respond();
  });
});

afterEach(async () => {
  await wait(MAX_PAUSE);
  vi.unstubAllGlobals();
});

describe('a rate-limited request', () => {
  it('is sent again after the pause', async () => {
    responses = [rateLimited(5), success];
    const response = execute(ShopDocument, {});
    await wait(4.9);
    expect([requests, pauseLength()]).toStrictEqual([1, 5]);
    await wait(0.2);
    expect([requests, pauseLength()]).toStrictEqual([2, null]);
    await expect(response).resolves.toStrictEqual(SHOP);
  });

  it('is sent again as often as it is rate-limited', async () => {
    responses = [rateLimited(2), rateLimited(3), rateLimited(1), success];
    const response = execute(ShopDocument, {});
    await wait(7);
    await expect(response).resolves.toStrictEqual(SHOP);
    expect(requests).toBe(4);
  });

  it('is also sent again after a pause that a proxy asks for', async () => {
    responses = [
      proxyError(429, { 'Retry-After': '2' }),
      proxyError(503, { 'Retry-After': '3' }),
      success,
    ];
    const response = execute(ShopDocument, {});
    await wait(5);
    await expect(response).resolves.toStrictEqual(SHOP);
  });

  it('holds back other requests until the pause is over', async () => {
    responses = [rateLimited(5), success];
    const first = execute(ShopDocument, {});
    await wait(1);
    const second = execute(ShopDocument, {});
    await wait(3.9);
    expect(requests).toBe(1);
    await wait(0.2);
    await expect(Promise.all([first, second])).resolves.toStrictEqual([SHOP, SHOP]);
    expect(requests).toBe(3);
  });

  it('is not sent again after it is aborted', async () => {
    responses = [rateLimited(5), success];
    const request = new AbortController();
    const response = execute(ShopDocument, {}, request.signal);
    const ended = expect(response).rejects.toMatchObject({ name: 'AbortError' });
    await wait(1);
    request.abort();
    await ended;
    await wait(10);
    expect(requests).toBe(1);
  });

  it.each([
    ['that the server asks for', rateLimited(MAX_PAUSE + 1), 'RATE_LIMITED'],
    ['that a proxy asks for', proxyError(503, { 'Retry-After': '3600' }), 'UNAVAILABLE'],
    ['without a length', proxyError(503), 'UNAVAILABLE'],
    [
      'until a date',
      proxyError(503, { 'Retry-After': 'Fri, 27 Nov 2026 08:00:00 GMT' }),
      'UNAVAILABLE',
    ],
  ])('fails at once instead of waiting for a pause %s', async (_, response, code) => {
    responses = [response];
    await expect(execute(ShopDocument, {})).rejects.toMatchObject({ code, permanent: false });
    expect([requests, pauseLength()]).toStrictEqual([1, null]);
  });

  it('notifies listeners when the pause starts and when it ends', async () => {
    const lengths: (number | null)[] = [];
    const unsubscribe = onPauseChange(() => lengths.push(pauseLength()));
    responses = [rateLimited(5), success];
    await Promise.all([execute(ShopDocument, {}), wait(6)]);
    unsubscribe();
    expect(lengths).toStrictEqual([5, null]);
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
  ])('with the code %s is permanent', async (code) => {
    responses = [failure(code)];
    await expect(execute(ShopDocument, {})).rejects.toMatchObject({ code, permanent: true });
  });

  it.each(['TIMEOUT', 'UNAVAILABLE', 'INTERNAL', 'TOO_MANY_OPERATIONS', 'UNAUTHENTICATED'])(
    'with the code %s is not permanent',
    (code) => {
      expect(new ApiError('No.', code).permanent).toBe(false);
    },
  );
});
