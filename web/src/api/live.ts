/** Sizes over a WebSocket, by the protocol graphql-transport-ws. */

import { createClient } from 'graphql-ws';
import type { Rule } from '../rule/rule';
import type { Size, Watcher } from '../size/liveSize';
import { ApiError, apiError, type GraphQLError } from './client';
import { SegmentSizesLiveDocument, type SegmentSizesLiveSubscription } from './generated/graphql';
import { token } from './session';

const MAX_WAIT = 5_000;

/** How often the connection is tried, so that one that has died in silence is found out. */
const KEEP_ALIVE = 15_000;

/** How the server closes a connection whose token is not valid. */
const FORBIDDEN = 4403;

const REFUSED: GraphQLError = {
  message: 'The token is no longer valid.',
  extensions: { code: 'UNAUTHENTICATED' },
};

let unanswered: ReturnType<typeof setTimeout> | undefined;

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
      if (!received) unanswered = setTimeout(() => client.terminate(), MAX_WAIT);
    },
    pong: (received) => {
      if (received) clearTimeout(unanswered);
    },
    closed: () => clearTimeout(unanswered),
  },
});

/** Watches the size of a rule until the function that is returned is called. */
export function watchSize(rule: Rule, seen: Watcher): () => void {
  const forget = client.on('closed', () => seen.live(false));
  const end = client.subscribe<SegmentSizesLiveSubscription>(
    { query: SegmentSizesLiveDocument.toString(), variables: { rule } },
    {
      next({ data, errors }) {
        if (data) {
          seen.live(true);
          seen.size(data.segmentSize satisfies Size);
        } else {
          seen.failed(apiError((errors ?? []) as readonly GraphQLError[]));
        }
      },
      error(reason) {
        if (Array.isArray(reason)) {
          seen.failed(apiError(reason as readonly GraphQLError[]));
        } else if ((reason as Partial<CloseEvent>).code === FORBIDDEN) {
          seen.failed(apiError([REFUSED]));
        } else {
          seen.failed(new ApiError('The server ended the connection.', 'UNAVAILABLE'));
        }
      },
      complete() {
        seen.live(false);
      },
    },
  );
  return () => {
    forget();
    end();
  };
}
