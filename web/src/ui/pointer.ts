/** Whether a button of the pointer is down; then what is under it must not move. */

let down = false;
addEventListener(
  'pointerdown',
  () => {
    down = true;
  },
  true,
);
for (const end of ['pointerup', 'pointercancel'] as const) {
  addEventListener(
    end,
    () => {
      down = false;
    },
    true,
  );
}

/**
 * Does something that may move the page, such as showing what is wrong with an input that is left:
 * at once, or once the click by which it was left has been taken.
 */
export function afterClick(work: () => void): void {
  if (!down) {
    work();
    return;
  }
  const after = () => setTimeout(work);
  addEventListener('pointerup', after, { once: true, capture: true });
}
