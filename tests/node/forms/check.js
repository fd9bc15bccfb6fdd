// Checks that a library's form of a criterion shows its fields, and submits or refuses documents.

import { isDeepStrictEqual } from 'node:util';
import { click, field, titles, type } from './page.js';

/** Return the schema of a field that an operator uses. */
function schemaOf(schema, operator, name) {
  const applies = (each) => each.if.properties.operator.enum.includes(operator);
  const then = schema.allOf?.find(applies)?.then.properties[name];
  return { ...schema.properties[name], ...then };
}

const isAlternatives = (schema) => 'oneOf' in schema && !('const' in schema.oneOf[0]);
const alternative = (schema, value) =>
  schema.oneOf.findIndex(({ required: [name] }) => name in value);

/** What a person does with the form of a library; `box` returns the part with a value's inputs. */
class Person {
  constructor(library) {
    this.library = library;
  }

  /** Enter a document, the operator first. */
  async enter(box, schema, { operator, ...values }) {
    if (operator) await this.chooseOperator(box(), schema.properties.operator, operator);
    for (const [name, value] of Object.entries(values)) {
      const inner = schemaOf(schema, operator, name);
      await this.enterValue(() => field(box(), inner.title), inner, value);
    }
  }

  async chooseOperator(box, schema, operator) {
    // React Query Builder has its own select for the operator of a row.
    const own = box.matches('.rule') && box.querySelector('.rule-operators');
    await this.choose(own || field(box, schema.title).querySelector('select'), schema, operator);
  }

  async choose(select, schema, value) {
    const values = schema.enum ?? schema.oneOf.map((each) => each.const);
    await type(select, this.library.option(value, values.indexOf(value)));
  }

  async enterValue(box, schema, value) {
    const { items, add, kinds, option } = this.library;
    if (Array.isArray(value)) {
      for (const [number, item] of value.entries()) {
        if (items(box()).length === number) await click(add(box()));
        await this.enterValue(() => items(box())[number], schema.items, item);
      }
    } else if (isAlternatives(schema)) {
      const number = alternative(schema, value);
      const [name] = schema.oneOf[number].required;
      if (kinds(box())) await type(kinds(box()), option(name, number));
      await this.enter(box, schema.oneOf[number], value);
    } else if (typeof value === 'object') {
      await this.enter(box, schema, value);
    } else {
      const input = box().querySelector('input, select');
      if (input.tagName === 'SELECT') await this.choose(input, schema, value);
      else await type(input, String(value));
    }
  }

  /** Empty the inputs of a value. */
  async empty(box, schema, value) {
    const { items, remove } = this.library;
    if (Array.isArray(value)) {
      for (const _ of value) await click(remove(items(box())[0]));
    } else if (typeof value === 'object') {
      const { properties } = isAlternatives(schema)
        ? schema.oneOf[alternative(schema, value)]
        : schema;
      for (const [name, inner] of Object.entries(value)) {
        await this.empty(() => field(box(), properties[name].title), properties[name], inner);
      }
    } else {
      await type(box().querySelector('input, select'), '');
    }
  }
}

/** Check a criterion; return how many checks of each kind succeeded, and what went wrong. */
export async function check(library, criterion) {
  const { jsonSchema, operators, documents, entered, refused } = criterion;
  const person = new Person(library);
  const passed = { renders: 0, submits: 0, refuses: 0, enters: 0, clears: 0 };
  const problems = [];

  /** Open a form; count what it does right. */
  async function each(inputs, run, values = (input) => input) {
    for (const input of inputs) {
      const form = await library.open(criterion, values(input));
      try {
        await run(form, input);
      } catch (error) {
        problems.push(`${JSON.stringify(input)}: ${error.stack} ${form.page.textContent}`);
      }
      form.close();
    }
  }

  function expect(kind, actual, expected) {
    if (isDeepStrictEqual(actual, expected)) passed[kind] += 1;
    else problems.push(`${kind}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }

  const titlesOf = ({ name, fields }) =>
    fields.map((each) => schemaOf(jsonSchema, name, each).title);
  const allTitles = operators.flatMap(titlesOf);
  const shown = (form) => titles(form.fields()).filter((title) => allTitles.includes(title));

  await each(documents, async (form, document) => {
    expect('submits', await form.submit(), document);
  });
  await each(refused, async (form, document) => {
    expect('refuses', [document, await form.submit()], [document, undefined]);
  });
  const blank = () => undefined;
  await each(
    entered,
    async (form, { operator, document, required }) => {
      await person.enter(form.fields, jsonSchema, { operator: operator.name });
      expect('renders', new Set(shown(form)), new Set(titlesOf(operator)));
      await person.enter(form.fields, jsonSchema, document);
      expect('enters', await form.submit(), document);
      for (const name of Object.keys(document).filter((name) => !(name in required))) {
        const schema = schemaOf(jsonSchema, operator.name, name);
        await person.empty(() => field(form.fields(), schema.title), schema, document[name]);
      }
      expect('clears', await form.submit(), required);
    },
    blank,
  );
  problems.push(...warnings.splice(0));
  return { passed, problems };
}
