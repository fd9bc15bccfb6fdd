// What a person does on a page, and sees there.

import { setImmediate } from 'node:timers/promises';

/** Wait until React and the libraries have reacted; time passes at once. */
export async function settled() {
  for (let round = 0; round < 3; round += 1) {
    await setImmediate();
    pass(50);
  }
}

export async function click(button) {
  button.click();
  await settled();
}

/** Type into an input, or choose the option with a value. */
export async function type(control, value) {
  const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(control), 'value');
  set.call(control, value);
  const event = control.tagName === 'SELECT' ? 'change' : 'input';
  control.dispatchEvent(new Event(event, { bubbles: true }));
  await settled();
}

/** Return the visible labels and legends by their text, without the box's own legend. */
function labels(box) {
  return [...box.querySelectorAll('label, legend:not(:scope > legend)')]
    .filter((label) => !label.closest('[hidden]'))
    .map((label) => [label.firstChild?.textContent.replace(/\*$/, ''), label]);
}

/** Return the texts of the visible labels and legends. */
export const titles = (box) => labels(box).map(([text]) => text);

/** Return the field with a title. */
export function field(box, title) {
  const label = labels(box).find(([text]) => text === title)?.[1];
  if (!label) throw new Error(`no field has the title ${title}; there are ${titles(box)}`);
  if (label.tagName === 'LEGEND') return label.parentElement;
  return label.closest('.rjsf-field, .field, .control') ?? label;
}
