/**
 * The token of this tab: what the demo fills in, or what somebody signed in with.
 *
 * It is kept for as long as the tab is, and is never part of an address.
 */

const KEY = 'segments.token';

let current: string | null = null;

/** The token, or null when nobody signed in. */
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

let asked: (() => void) | null = null;

/** Calls back when the server refuses the token, until the function that is returned is called. */
export function whenRefused(call: () => void): () => void {
  asked = call;
  return () => {
    asked = null;
  };
}

/** The server has refused the token. */
export function refused(): void {
  asked?.();
}

const waiting = new Set<() => void>();

/** Calls back when somebody has signed in again, until the function that is returned is called. */
export function whenAdmitted(call: () => void): () => void {
  waiting.add(call);
  return () => waiting.delete(call);
}

/** The server has taken another token. */
export function admitted(): void {
  for (const call of waiting) call();
}

let explorer = true;

/** Whether the server has GraphiQL. */
export function hasExplorer(): boolean {
  return explorer;
}

/** Learns what the server offers; takes the demo's token if there is one and nobody signed in. */
export async function begin(): Promise<void> {
  const response = await fetch('/builder/config.json');
  const config: { token: string | null; graphiql?: boolean } = await response.json();
  explorer = config.graphiql !== false;
  if (token() === null) current = config.token;
}
