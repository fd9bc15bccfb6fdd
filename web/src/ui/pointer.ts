/** Whether a pointer button is pressed. The layout must not move before it is released. */

let pressed = false;
addEventListener(
  'pointerdown',
  () => {
    pressed = true;
  },
  true,
);
for (const end of ['pointerup', 'pointercancel'] as const) {
  addEventListener(
    end,
    () => {
      pressed = false;
    },
    true,
  );
}

/**
 * Run `callback` now, or after the click in progress.
 *
 * A click often takes the focus from an input. Showing that input's problem at once would move the
 * page under the pointer, and the click would miss.
 */
export function afterClick(callback: () => void): void {
  if (!pressed) {
    callback();
    return;
  }
  const later = () => setTimeout(callback);
  addEventListener('pointerup', later, { once: true, capture: true });
}
