import type { Storage } from '@graphiql/toolkit';

/**
 * Return a storage that lasts as long as the page.
 *
 * GraphiQL stores headers, for example in its history, and they contain the token.
 */
export function createStorage(): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
    clear: () => items.clear(),
  };
}
