/**
 * A pause that the server asks for, because too much was asked in too short a time.
 *
 * It is the token's, not one request's: whatever is asked meanwhile waits too.
 */

/** The longest pause that is waited for without a person, in seconds. */
export const LONGEST = 60;

let until = 0;
let seconds: number | null = null;
let end: ReturnType<typeof setTimeout> | undefined;
const watching = new Set<() => void>();

/** Begins a pause of so many seconds, unless there is a longer one. */
export function pause(wanted: number): void {
  const time = performance.now() + wanted * 1_000;
  if (time <= until) return;
  until = time;
  clearTimeout(end);
  end = setTimeout(() => tell(null), wanted * 1_000);
  tell(wanted);
}

/** How many seconds the pause lasts in all, or null when there is none. */
export function paused(): number | null {
  return seconds;
}

/** Calls back when a pause begins or ends, until the function that is returned is called. */
export function watchPause(call: () => void): () => void {
  watching.add(call);
  return () => watching.delete(call);
}

/** Waits for the end of the pause, if there is one; throws the signal's reason if it is aborted. */
export async function pauseOver(signal?: AbortSignal): Promise<void> {
  for (let left = until - performance.now(); left > 0; left = until - performance.now()) {
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', leave);
        resolve();
      }, left);
      if (signal?.aborted) leave();
      else signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

function tell(now: number | null): void {
  seconds = now;
  for (const call of watching) call();
}
