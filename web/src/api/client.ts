import type { TypedDocumentString } from './generated/graphql';
import { refused, token } from './session';

/** An answer that is an error: GraphQL's code, the path in the input, and words for people. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly path: readonly string[] = [],
  ) {
    super(message);
  }
}

/** What the API answers beside data. */
export interface GraphQLError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; path?: readonly (string | number)[] };
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

/** A little more than the server gives a statement. */
const TIMEOUT = 35_000;

async function post<Data>(
  query: string,
  variables: unknown,
  signal: AbortSignal | undefined,
): Promise<Answer<Data>> {
  let response: Response;
  try {
    response = await fetch('/graphql', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/graphql-response+json',
        Authorization: `Bearer ${token() ?? ''}`,
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if ((error as Error).name === 'TimeoutError') {
      throw new ApiError('The server took too long to answer.', 'TIMEOUT');
    }
    throw new ApiError('The server does not answer.', 'UNAVAILABLE');
  }
  try {
    return (await response.json()) as Answer<Data>;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(`The server answered with status ${response.status}.`, 'UNAVAILABLE');
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
