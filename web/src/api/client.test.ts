import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, execute, UNREACHABLE } from './client';
import { ShopDocument } from './generated/graphql';
import { MAX_PAUSE, onPauseChange, pauseLength } from './pause';

const SHOP = { shop: { name: 'Acme', timezone: 'UTC', utcOffsets: [], currency: 'EUR' } };

/** The server's responses in order; the last one repeats. */
let responses: ((signal: AbortSignal) => Response)[];
let requests: number;

const success = () => Response.json({ data: SHOP });

function failure(status: number, code: string, extensions: object = {}) {
  const errors = [{ message: 'No.', extensions: { code, ...extensions } }];
  return () => Response.json({ errors }, { status });
}

const rateLimited = (retryAfter: number) => failure(429, 'RATE_LIMITED', { retryAfter });

/** A proxy's response: HTML, or JSON that is not a GraphQL response. */
const proxyError = (status: number, headers: HeadersInit = {}, text = '<html>') => {
  return () => new Response(text, { status, headers });
};

/** A response whose body ends before it is complete: by `failed`, or when the request is aborted. */
const interrupted = (failed?: Error) => (signal: AbortSignal) => {
  const start = (body: ReadableStreamDefaultController) => {
    body.enqueue(new TextEncoder().encode('{"data": '));
    if (failed) body.error(failed);
    else signal.addEventListener('abort', () => body.error(signal.reason));
  };
  return new Response(new ReadableStream({ start }));
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
  vi.stubGlobal('fetch', async (_: string, { signal }: { signal: AbortSignal }) => {
    const respond = responses[Math.min(requests, responses.length - 1)];
    requests += 1;
    return respond?.(signal);
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
      proxyError(429, { 'Retry-After': '3' }, '{"error": "Too many requests."}'),
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
    ['that a proxy asks for', proxyError(429, { 'Retry-After': '3600' }), 'UNAVAILABLE'],
    ['of unknown length', proxyError(429), 'UNAVAILABLE'],
    [
      'until a date',
      proxyError(429, { 'Retry-After': 'Fri, 27 Nov 2026 08:00:00 GMT' }),
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

describe('a request that a proxy may have passed on', () => {
  it.each(['<html>', '{"error": "Unavailable."}', 'null'])(
    'is not sent again after the response %s',
    async (text) => {
      responses = [proxyError(503, { 'Retry-After': '2' }, text), success];
      await expect(execute(ShopDocument, {})).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: 'The server responded with an error (status 503).',
      });
      expect([requests, pauseLength()]).toStrictEqual([1, null]);
    },
  );
});

describe('a response that is not complete', () => {
  it('is unreachable if the connection was lost', async () => {
    responses = [interrupted(new TypeError('terminated'))];
    await expect(execute(ShopDocument, {})).rejects.toMatchObject({ code: UNREACHABLE });
  });

  it('is a timeout if it does not become complete in time', async () => {
    const timeout = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(timeout.signal);
    responses = [interrupted()];
    const ended = expect(execute(ShopDocument, {})).rejects.toMatchObject({ code: 'TIMEOUT' });
    await wait(1);
    timeout.abort(new DOMException('Timed out.', 'TimeoutError'));
    await ended;
  });

  it('is an abort if the caller aborted it', async () => {
    const request = new AbortController();
    responses = [interrupted()];
    const response = execute(ShopDocument, {}, request.signal);
    const ended = expect(response).rejects.toMatchObject({ name: 'AbortError' });
    await wait(1);
    request.abort();
    await ended;
  });
});

describe('an error', () => {
  it.each([
    [400, 'LIMIT_EXCEEDED'],
    [400, 'QUERY_TOO_DEEP'],
    [400, 'QUERY_TOO_COSTLY'],
    [400, 'TOO_MANY_FIELDS'],
    [400, 'TOO_MANY_TOKENS'],
    [413, 'BODY_TOO_LARGE'],
    [400, 'UNTRUSTED_DOCUMENT'],
    [415, 'UNSUPPORTED_MEDIA_TYPE'],
    [400, 'INTROSPECTION_OFF'],
    [403, 'FORBIDDEN'],
  ])('with the status %i and the code %s is permanent', async (status, code) => {
    responses = [failure(status, code)];
    await expect(execute(ShopDocument, {})).rejects.toMatchObject({ code, permanent: true });
  });

  it.each(['TIMEOUT', 'UNAVAILABLE', 'INTERNAL', 'TOO_MANY_OPERATIONS', 'UNAUTHENTICATED'])(
    'with the code %s is not permanent',
    (code) => {
      expect(new ApiError('No.', code).permanent).toBe(false);
    },
  );
});
