/** How the page asks: over HTTP, and over a WebSocket for subscriptions, with the same headers. */

import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';

type Headers = Record<string, string>;

/**
 * Asks with what is in the editor of headers.
 *
 * @param first - The headers until there is an editor: the schema is asked for before.
 */
export function createFetcher(first: Headers): Fetcher {
  let headers = first;
  // It connects for a subscription and leaves with the last one, so that each shows the token of now.
  const wsClient = createClient({
    url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () =>
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    // What went wrong is shown, such as a refused token, and not tried again behind it.
    retryAttempts: 0,
  });
  const fetcher = createGraphiQLFetcher({
    url: '/graphql',
    wsClient,
    enableIncrementalDelivery: false,
  });
  return (params, options) => {
    const ofSchema = params.operationName === 'IntrospectionQuery';
    headers = options?.headers ?? (ofSchema ? first : {});
    return fetcher(params, { ...options, headers });
  };
}
