import type { ErrorCode, TypedDocumentString } from './generated/graphql';
import { MAX_PAUSE, startPause, waitForPause } from './pause';
import { notifyTokenRejected, token } from './session';

/** Codes of errors that the same request causes again, however often it is sent. */
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

/** The code of a request that never reached the server; the API has no such code. */
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

/** Return the first error as an ApiError; the path is empty unless the input caused it. */
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
  return acceptable(error.extensions.retryAfter ?? 1);
}

/** A longer wait is reported to the user instead: the page would only seem to hang. */
function acceptable(seconds: number): number | null {
  return seconds > 0 && seconds <= MAX_PAUSE ? seconds : null;
}

/** Milliseconds to wait for a response: a little more than the server gives a statement. */
const TIMEOUT = 35_000;

/** Send a request, again after every pause: the server did nothing for a rate-limited one. */
async function post<Data>(
  query: string,
  variables: unknown,
  signal: AbortSignal | undefined,
): Promise<GraphQLResponse<Data>> {
  for (;;) {
    await waitForPause(signal);
    const response = await send(JSON.stringify({ query, variables }), signal);
    const body = await parseBody<Data>(response, signal);
    // A rate-limiting proxy responds without GraphQL.
    const delay = body
      ? retryDelay(body.errors)
      : acceptable(Number(response.headers.get('Retry-After')));
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

async function send(body: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch('/graphql', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/graphql-response+json',
        Authorization: `Bearer ${token() ?? ''}`,
      },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if ((error as Error).name === 'TimeoutError') {
      throw new ApiError('The server took too long to respond.', 'TIMEOUT');
    }
    throw new ApiError("Can't reach the server.", UNREACHABLE);
  }
}

/** Return the parsed body, or null when it is not JSON. */
async function parseBody<Data>(
  response: Response,
  signal: AbortSignal | undefined,
): Promise<GraphQLResponse<Data> | null> {
  try {
    return (await response.json()) as GraphQLResponse<Data>;
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
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
