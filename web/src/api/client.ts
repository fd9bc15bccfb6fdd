import type { ErrorCode, TypedDocumentString } from './generated/graphql';
import { MAX_PAUSE, startPause, waitForPause } from './pause';
import { notifyTokenRejected, token } from './session';

/** Codes of errors that sending the same request again cannot fix. */
const PERMANENT: ReadonlySet<string> = new Set<ErrorCode>([
  'BAD_REQUEST',
  'BODY_TOO_LARGE',
  'FORBIDDEN',
  'INTROSPECTION_OFF',
  'INVALID',
  'LIMIT_EXCEEDED',
  'NOT_FOUND',
  'QUERY_TOO_COSTLY',
  'QUERY_TOO_DEEP',
  'SEGMENT_CYCLE',
  'TOO_MANY_ALIASES',
  'TOO_MANY_DIRECTIVES',
  'TOO_MANY_FIELDS',
  'TOO_MANY_REPEATS',
  'TOO_MANY_TOKENS',
  'UNKNOWN_CRITERION',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNTRUSTED_DOCUMENT',
]);

/**
 * The code of a request that got no complete response; the server may have executed it.
 *
 * The API has no such code.
 */
export const UNREACHABLE = 'UNREACHABLE';

/** An error with the API's code, the path into the input, and a message for the user. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly path: readonly string[] = [],
  ) {
    super(message);
  }

  /** Whether sending the same request again is pointless. */
  get permanent(): boolean {
    return PERMANENT.has(this.code);
  }
}

export interface GraphQLError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; path?: readonly (string | number)[]; retryAfter?: number };
}

interface GraphQLResponse<Data> {
  data?: Data | null;
  errors?: readonly GraphQLError[];
}

/**
 * Return the first error as an ApiError, and notify the session if the server rejected the token.
 *
 * The path is empty unless the input caused the error.
 */
export function toApiError(errors: readonly GraphQLError[]): ApiError {
  const [error] = errors;
  if (error?.extensions?.code === 'UNAUTHENTICATED') notifyTokenRejected();
  return new ApiError(
    error?.message ?? 'The server sent an empty response.',
    error?.extensions?.code ?? 'INTERNAL',
    (error?.extensions?.path ?? []).map(String),
  );
}

/** Return the seconds to wait before sending a rate-limited request again, else null. */
export function retryDelay(errors: readonly GraphQLError[] = []): number | null {
  const [error] = errors;
  if (error?.extensions?.code !== 'RATE_LIMITED') return null;
  return usablePause(error.extensions.retryAfter ?? 1);
}

/** Return the seconds, or null if they are not a pause or the page would seem to hang. */
function usablePause(seconds: number): number | null {
  return seconds > 0 && seconds <= MAX_PAUSE ? seconds : null;
}

/** Milliseconds to wait for a response: a little more than the server gives a statement. */
const TIMEOUT = 35_000;

/** Send a request, and send it again after each pause: rate-limited requests are not executed. */
async function post<Data>(
  query: string,
  variables: unknown,
  signal: AbortSignal | undefined,
): Promise<GraphQLResponse<Data>> {
  for (;;) {
    await waitForPause(signal);
    const { response, text } = await send(JSON.stringify({ query, variables }), signal);
    const body = parseBody<Data>(text);
    const delay = body ? retryDelay(body.errors) : proxyDelay(response);
    if (delay !== null) startPause(delay);
    else if (body) return body;
    else {
      throw new ApiError(
        `The server responded with an error (status ${response.status}).`,
        'UNAVAILABLE',
      );
    }
  }
}

/** Send a request and receive the whole response; throw an ApiError if that fails. */
async function send(
  body: string,
  signal: AbortSignal | undefined,
): Promise<{ response: Response; text: string }> {
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/graphql-response+json',
        Authorization: `Bearer ${token() ?? ''}`,
      },
      body,
      signal: AbortSignal.any([timeout, ...(signal ? [signal] : [])]),
    });
    return { response, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    // The error of an interrupted body need not name the reason, so ask the signal.
    if (timeout.aborted) throw new ApiError('The server took too long to respond.', 'TIMEOUT');
    throw new ApiError("Can't reach the server.", UNREACHABLE);
  }
}

/** Return a GraphQL response, or null for anything else, such as a proxy's page. */
function parseBody<Data>(text: string): GraphQLResponse<Data> | null {
  let body: Partial<GraphQLResponse<Data>> | null;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  return body?.data !== undefined || Array.isArray(body?.errors) ? body : null;
}

/** Return the seconds after which a rate-limiting proxy accepts the request, else null. */
function proxyDelay(response: Response): number | null {
  // With another status, the server may have executed the request: a mutation must not run twice.
  if (response.status !== 429) return null;
  return usablePause(Number(response.headers.get('Retry-After')));
}

/** Execute a document and return its data; throw an ApiError if any part of it failed. */
export async function execute<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const { data, errors } = await post<Data>(document.toString(), variables, signal);
  if (errors?.length || !data) throw toApiError(errors ?? []);
  return data;
}

/** Execute a document that may fail in part; return its data and the errors of the other parts. */
export async function executePartial<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<{ data: Data; errors: readonly GraphQLError[] }> {
  const { data, errors = [] } = await post<Data>(document.toString(), variables, signal);
  if (!data) throw toApiError(errors);
  return { data, errors };
}
