/** Sizes over a WebSocket, by the protocol graphql-transport-ws. */

import { createClient } from 'graphql-ws';
import type { Rule } from '../rule/rule';
import type { Size, Watcher } from '../size/liveSize';
import { ApiError, apiError, type GraphQLError, pauseOf } from './client';
import { SegmentSizesLiveDocument, type SegmentSizesLiveSubscription } from './generated/graphql';
import { pause, pauseOver } from './pause';
import { token } from './session';

const MAX_WAIT = 5_000;

/** How often the connection is tried, so that one that has died in silence is found out. */
const KEEP_ALIVE = 15_000;

/** How the server closes a connection whose token is not valid. */
const FORBIDDEN = 4403;

/** How it closes one for which it has no room now. */
const TRY_AGAIN_LATER = 1013;

/** How it is closed from here. */
const NO_MORE_TO_WATCH = 1000;

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
  const ended = new AbortController();
  const forget = client.on('closed', (event) => seen.live(false, apart(event)));
  let end = () => {};
  const begin = () => {
    end = client.subscribe<SegmentSizesLiveSubscription>(
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
            const seconds = pauseOf(reason as readonly GraphQLError[]);
            if (seconds === null) seen.failed(apiError(reason as readonly GraphQLError[]));
            else again(seconds);
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
  };
  const again = (seconds: number) => {
    // Twice as long: to connect again, which no subscription holds open meanwhile, counts too.
    pause(2 * seconds);
    pauseOver(ended.signal).then(begin, () => undefined);
  };
  begin();
  return () => {
    ended.abort();
    forget();
    end();
  };
}

/** What is said of a connection that is tried again; nothing of one that was ended here. */
function apart(event: unknown): string | undefined {
  const { code } = event as Partial<CloseEvent>;
  if (code === NO_MORE_TO_WATCH) return undefined;
  return code === TRY_AGAIN_LATER
    ? 'Not live: too many connections are open. It is tried again.'
    : 'Not live: the connection is lost. It is tried again.';
}
