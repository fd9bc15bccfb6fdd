import type { Storage } from '@graphiql/toolkit';

/**
 * Forgets everything with the page.
 *
 * What GraphiQL keeps has headers in it, the history for one, and so would have the token.
 */
export function createStorage(): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
    clear: () => kept.clear(),
  };
}
