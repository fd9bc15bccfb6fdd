/** Live sizes over a WebSocket, by the graphql-transport-ws protocol. */

import { createClient } from 'graphql-ws';
import type { Rule } from '../rule/rule';
import type { Size, SizeObserver } from '../size/liveSize';
import { ApiError, type GraphQLError, retryDelay, toApiError } from './client';
import { SegmentSizesLiveDocument, type SegmentSizesLiveSubscription } from './generated/graphql';
import { startPause, waitForPause } from './pause';
import { token } from './session';

/** Milliseconds: the longest wait before reconnecting, and the longest wait for a pong. */
const MAX_WAIT = 5_000;

/** Milliseconds between pings, which detect a connection that died without being closed. */
const KEEP_ALIVE = 15_000;

/** Codes with which the server closes a connection, and with which this client does. */
const FORBIDDEN = 4403;
const TRY_AGAIN_LATER = 1013;
const NORMAL_CLOSURE = 1000;

const TOKEN_REJECTED: GraphQLError = {
  message: 'Your token is no longer valid.',
  extensions: { code: 'UNAUTHENTICATED' },
};

let pongTimeout: ReturnType<typeof setTimeout> | undefined;

const client = createClient({
  url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  connectionParams: () => ({ authorization: `Bearer ${token() ?? ''}` }),
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: (reason) => (reason as Partial<CloseEvent>).code !== FORBIDDEN,
  retryWait: (retries) =>
    new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** retries, MAX_WAIT))),
  keepAlive: KEEP_ALIVE,
  on: {
    ping: (received) => {
      if (!received) pongTimeout = setTimeout(() => client.terminate(), MAX_WAIT);
    },
    pong: (received) => {
      if (received) clearTimeout(pongTimeout);
    },
    closed: () => clearTimeout(pongTimeout),
  },
});

/** Watch the size of a rule until the returned function is called. */
export function watchSize(rule: Rule, observer: SizeObserver): () => void {
  const ended = new AbortController();
  const stopListening = client.on('closed', (event) =>
    observer.connection(false, closeReason(event)),
  );
  let unsubscribe = () => {};
  const subscribe = () => {
    unsubscribe = client.subscribe<SegmentSizesLiveSubscription>(
      { query: SegmentSizesLiveDocument.toString(), variables: { rule } },
      {
        next({ data, errors }) {
          if (data) {
            observer.connection(true);
            observer.size(data.segmentSize satisfies Size);
          } else {
            observer.error(toApiError((errors ?? []) as readonly GraphQLError[]));
          }
        },
        error(reason) {
          if (Array.isArray(reason)) {
            const errors = reason as readonly GraphQLError[];
            const delay = retryDelay(errors);
            if (delay === null) observer.error(toApiError(errors));
            else subscribeAfter(delay);
          } else if ((reason as Partial<CloseEvent>).code === FORBIDDEN) {
            observer.error(toApiError([TOKEN_REJECTED]));
          } else {
            observer.error(new ApiError('The server closed the connection.', 'UNAVAILABLE'));
          }
        },
        complete() {
          observer.connection(false);
        },
      },
    );
  };
  const subscribeAfter = (seconds: number) => {
    // Twice as long: without a subscription the client disconnects, and connecting counts too.
    startPause(2 * seconds);
    waitForPause(ended.signal).then(subscribe, () => undefined);
  };
  subscribe();
  return () => {
    ended.abort();
    stopListening();
    unsubscribe();
  };
}

/** Return the message for the user about a lost connection; undefined when the page closed it. */
function closeReason(event: unknown): string | undefined {
  const { code } = event as Partial<CloseEvent>;
  if (code === NORMAL_CLOSURE) return undefined;
  return code === TRY_AGAIN_LATER
    ? 'Not live: too many connections are open; retrying…'
    : "Can't reach the server; retrying…";
}
