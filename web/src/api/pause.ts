/**
 * The pause that the server asks for when a token exceeds its rate limit.
 *
 * The limit is per token, so every request of the page waits for the end of the pause.
 */

/** The longest pause, in seconds, after which the page sends a request again by itself. */
export const MAX_PAUSE = 60;

let pausedUntil = 0;
let currentLength: number | null = null;
let endTimer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

/** Start a pause of `length` seconds, unless a longer one is running. */
export function startPause(length: number): void {
  const time = performance.now() + length * 1_000;
  if (time <= pausedUntil) return;
  pausedUntil = time;
  clearTimeout(endTimer);
  endTimer = setTimeout(() => publish(null), length * 1_000);
  publish(length);
}

/** Return the length of the current pause in seconds, or null when none is running. */
export function pauseLength(): number | null {
  return currentLength;
}

/** Call `listener` when a pause starts or ends, until the returned function is called. */
export function onPauseChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Wait until no pause is running; throw the signal's reason if it is aborted. */
export async function waitForPause(signal?: AbortSignal): Promise<void> {
  const left = () => pausedUntil - performance.now();
  while (left() > 0) {
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, left());
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function publish(length: number | null): void {
  currentLength = length;
  for (const listener of listeners) listener();
}
