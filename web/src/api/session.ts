/**
 * The token of this tab: the one the user signed in with, or the demo's.
 *
 * Session storage keeps it until the tab is closed. It never becomes part of a URL.
 */

const KEY = 'segments.token';

let current: string | null = null;

/** Return the token, or null when nobody is signed in. */
export function token(): string | null {
  current ??= sessionStorage.getItem(KEY);
  return current;
}

export function signIn(value: string): void {
  current = value;
  sessionStorage.setItem(KEY, value);
}

export function signOut(): void {
  current = null;
  sessionStorage.removeItem(KEY);
}

const rejectedListeners = new Set<() => void>();
const renewedListeners = new Set<() => void>();

function subscribe(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Call `listener` when the server rejects the token, until the returned function is called. */
export function onTokenRejected(listener: () => void): () => void {
  return subscribe(rejectedListeners, listener);
}

/** Call `listener` when the user has signed in again, until the returned function is called. */
export function onTokenRenewed(listener: () => void): () => void {
  return subscribe(renewedListeners, listener);
}

export function notifyTokenRejected(): void {
  for (const listener of rejectedListeners) listener();
}

export function notifyTokenRenewed(): void {
  for (const listener of renewedListeners) listener();
}

let graphiql = true;

/** Return whether the server has GraphiQL. */
export function hasGraphiQL(): boolean {
  return graphiql;
}

/** Load the server's configuration; use the demo's token when nobody is signed in. */
export async function loadConfig(): Promise<void> {
  const response = await fetch('/builder/config.json');
  const config: { token: string | null; graphiql?: boolean } = await response.json();
  graphiql = config.graphiql !== false;
  if (token() === null) current = config.token;
}
