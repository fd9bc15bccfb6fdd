import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';

type Headers = Record<string, string>;

/**
 * Return a fetcher that sends the headers editor's content over HTTP and over WebSockets.
 *
 * GraphiQL fetches the schema before the editor exists; `initialHeaders` are sent until then.
 */
export function createFetcher(initialHeaders: Headers): Fetcher {
  let headers = initialHeaders;
  // Connected only while a subscription runs, so that each one sends the current headers.
  const wsClient = createClient({
    url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () =>
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    // Errors such as a rejected token are shown, not retried in the background.
    retryAttempts: 0,
  });
  const fetcher = createGraphiQLFetcher({
    url: '/graphql',
    wsClient,
    enableIncrementalDelivery: false,
  });
  return (params, options) => {
    const isIntrospection = params.operationName === 'IntrospectionQuery';
    headers = options?.headers ?? (isIntrospection ? initialHeaders : {});
    return fetcher(params, { ...options, headers });
  };
}
