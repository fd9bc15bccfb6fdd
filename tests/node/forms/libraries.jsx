// How to open and operate a form of each library, with the components of the docs.
//
// `open` shows a form with the values of a document, `fields` is the part with its fields, and
// `submit` returns what the form submits, or undefined. In a field with a list, `items`, `add` and
// `remove` find the items and the buttons. `kinds` finds the select of alternatives, such as the
// kinds of time windows, if there is one. `option` returns the value of an option of a select.
// An editor of rules has `submitRule`, which shows a rule and returns what the editor submits.

import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { click, settled, type } from './page.js';

const children = (box, selector) => [...box.querySelectorAll(`:scope > ${selector}`)];

async function opened(component, submitted) {
  const page = document.body.appendChild(document.createElement('div'));
  const root = createRoot(page);
  flushSync(() => root.render(component));
  await settled();
  const submit = async () => {
    await click(page.querySelector('[type=submit]'));
    return submitted.pop();
  };
  const close = () => {
    flushSync(() => root.unmount());
    page.remove();
  };
  return { page, submit, close };
}

async function openForm(CriterionForm, criterion, values = {}) {
  const submitted = [];
  const onSubmit = (values) => submitted.push(values);
  const form = await opened(<CriterionForm {...{ criterion, values, onSubmit }} />, submitted);
  return { ...form, fields: () => form.page.querySelector('#root') ?? form.page };
}

export const rjsf = ({ CriterionForm }) => ({
  open: (criterion, values) => openForm(CriterionForm, criterion, values),
  items: (list) => children(list, '.array-item-list > :is(.rjsf-array-item, .array-item)'),
  add: (list) => list.querySelector(':scope > .row > p > .btn-add'),
  remove: (item) => item.querySelector(':scope > .array-item-toolbox .btn-danger'),
  kinds: (alternatives) => alternatives.querySelector('select'),
  option: (value, number) => String(number),
});

export const jsonForms = ({ CriterionForm }) => ({
  open: (criterion, values) => openForm(CriterionForm, criterion, values),
  items: (list) => [
    ...children(list, 'table > tbody > tr:has(button)'),
    ...children(list, '.children > div'),
  ],
  add: (list) => list.querySelector(':scope > header > button'),
  remove: (item) =>
    item.querySelector(':scope > td > button, :scope > .child-controls > .button-delete'),
  kinds: () => null,
  option: (value) => value,
});

export const queryBuilder = ({ RuleBuilder }, criteria) => ({
  async submitRule(rule) {
    const submitted = [];
    const onSubmit = (rule) => submitted.push(rule);
    const form = await opened(<RuleBuilder {...{ criteria, rule, onSubmit }} />, submitted);
    return form.submit();
  },
  async open(criterion, values) {
    const submitted = [];
    const rule = { all: values ? [{ [criterion.key]: values }] : [] };
    const onSubmit = ({ all: [row] }) => submitted.push(row[criterion.key]);
    const form = await opened(<RuleBuilder {...{ criteria, rule, onSubmit }} />, submitted);
    if (!values) {
      await click(form.page.querySelector('.ruleGroup-addRule'));
      await type(form.page.querySelector('.rule-fields'), criterion.key);
    }
    return { ...form, fields: () => form.page.querySelector('.rule') };
  },
  items: (list) => children(list, 'div'),
  add: (list) => list.querySelector(':scope > button'),
  remove: (item) => item.querySelector(':scope > button'),
  kinds: (alternatives) => alternatives.querySelector('select'),
  option: (value) => value,
});
