/**
 * In place of react-style-singleton, by which an open dialog keeps the page behind it from scrolling.
 *
 * It adds a style element, which the page's Content-Security-Policy refuses; this page never scrolls.
 */
export function styleSingleton(): () => null {
  return () => null;
}
