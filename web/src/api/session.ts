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

/** Takes the demo's token where the server offers one and nobody signed in. */
export async function signInToDemo(): Promise<void> {
  if (token() !== null) return;
  const response = await fetch('/builder/config.json');
  const config: { token: string | null } = await response.json();
  current = config.token;
}
