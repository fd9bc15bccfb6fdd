import type { ErrorCode, TypedDocumentString } from './generated/graphql';
import { LONGEST, pause, pauseOver } from './pause';
import { refused, token } from './session';

/** Errors that the same question has again, however often it is asked. */
const LASTING: ReadonlySet<string> = new Set<ErrorCode>([
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

/** An answer that is an error: GraphQL's code, the path in the input, and words for people. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly path: readonly string[] = [],
  ) {
    super(message);
  }

  /** Whether it is of no use to ask the same again. */
  get lasting(): boolean {
    return LASTING.has(this.code);
  }
}

/** What the API answers beside data. */
export interface GraphQLError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; path?: readonly (string | number)[]; retryAfter?: number };
}

interface Answer<Data> {
  data?: Data | null;
  errors?: readonly GraphQLError[];
}

/** The first of some errors; those that nobody can mend by another input have an empty path. */
export function apiError(errors: readonly GraphQLError[]): ApiError {
  const [error] = errors;
  if (error?.extensions?.code === 'UNAUTHENTICATED') refused();
  return new ApiError(
    error?.message ?? 'The server gave no answer.',
    error?.extensions?.code ?? 'INTERNAL',
    (error?.extensions?.path ?? []).map(String),
  );
}

/** For how many seconds to pause before the same is asked again; null where that is no answer. */
export function pauseOf(errors: readonly GraphQLError[] = []): number | null {
  const [error] = errors;
  if (error?.extensions?.code !== 'RATE_LIMITED') return null;
  return waited(error.extensions.retryAfter ?? 1);
}

/** Of a longer pause a person is told; who waits for it is not seen to be at work. */
function waited(seconds: number): number | null {
  return seconds > 0 && seconds <= LONGEST ? seconds : null;
}

/** A little more than the server gives a statement. */
const TIMEOUT = 35_000;

/** Asks, and asks again after each pause that is asked for: nothing was done before it. */
async function post<Data>(
  query: string,
  variables: unknown,
  signal: AbortSignal | undefined,
): Promise<Answer<Data>> {
  for (;;) {
    await pauseOver(signal);
    const response = await send(JSON.stringify({ query, variables }), signal);
    const answer = await read<Data>(response, signal);
    // A proxy that limits has no words of GraphQL.
    const seconds = answer
      ? pauseOf(answer.errors)
      : waited(Number(response.headers.get('Retry-After')));
    if (seconds !== null) pause(seconds);
    else if (answer) return answer;
    else throw new ApiError(`The server answered with status ${response.status}.`, 'UNAVAILABLE');
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
      throw new ApiError('The server took too long to answer.', 'TIMEOUT');
    }
    throw new ApiError('The server does not answer.', 'UNAVAILABLE');
  }
}

/** What was answered, or null when it is not GraphQL. */
async function read<Data>(
  response: Response,
  signal: AbortSignal | undefined,
): Promise<Answer<Data> | null> {
  try {
    return (await response.json()) as Answer<Data>;
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}

/** Asks, and throws an ApiError unless all of it was answered. */
export async function ask<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const { data, errors } = await post<Data>(document.toString(), variables, signal);
  if (errors?.length || !data) throw apiError(errors ?? []);
  return data;
}

/** Asks for several things of which some may fail: what was answered, and the errors. */
export async function askInPart<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<{ data: Data; errors: readonly GraphQLError[] }> {
  const { data, errors = [] } = await post<Data>(document.toString(), variables, signal);
  if (!data) throw apiError(errors);
  return { data, errors };
}
