/**
 * Replaces react-style-singleton, which stops the page from scrolling behind an open dialog.
 *
 * It adds a style element, which the Content-Security-Policy refuses. This page never scrolls.
 */
export function styleSingleton(): () => null {
  return () => null;
}
