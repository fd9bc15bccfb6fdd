/** Sizes over a WebSocket, by the protocol graphql-transport-ws. */

import { createClient } from 'graphql-ws';
import type { Rule } from '../rule/rule';
import type { Size, Watcher } from '../size/liveSize';
import { ApiError, apiError, type GraphQLError } from './client';
import { SegmentSizesLiveDocument, type SegmentSizesLiveSubscription } from './generated/graphql';
import { token } from './session';

const MAX_WAIT = 5_000;

const client = createClient({
  url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  connectionParams: () => ({ authorization: `Bearer ${token() ?? ''}` }),
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: () => true,
  retryWait: (retries) =>
    new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** retries, MAX_WAIT))),
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
        seen.failed(
          Array.isArray(reason)
            ? apiError(reason as readonly GraphQLError[])
            : new ApiError('The server ended the connection.', 'UNAVAILABLE'),
        );
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
