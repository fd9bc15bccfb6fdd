// Enough of a browser for React: a page, and a clock that only moves when `pass` is called.

import { mock } from 'node:test';
import { format } from 'node:util';
import { JSDOM } from 'jsdom';

const { window } = new JSDOM('', { url: 'http://localhost/' });
window.confirm = () => true;
const { document, Event, Node, HTMLElement, HTMLIFrameElement } = window;
Object.assign(globalThis, { window, document, Event, Node, HTMLElement, HTMLIFrameElement });

mock.timers.enable({ apis: ['setTimeout', 'Date'] });
globalThis.pass = (milliseconds) => mock.timers.tick(milliseconds);

// react-jsonschema-form logs refused values as errors, and schemas that it cannot use as warnings.
console.error = () => {};
globalThis.warnings = [];
console.warn = (...words) => warnings.push(format(...words));
