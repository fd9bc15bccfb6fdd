// Checks the components of the docs, and prints the results as lines of JSON.
// usage: node main.js DIRECTORY
// The directory contains the components, criteria.json, and rule.json for editors of rules.

import './browser.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const [directory] = process.argv.slice(2);
const read = async (name) => JSON.parse(await readFile(join(directory, name)));
const criteria = await read('criteria.json');
const rule = await read('rule.json');

const LIBRARIES = [
  { name: 'RJSF 6', driver: 'rjsf', file: 'rjsf.jsx' },
  { name: 'RJSF 5', driver: 'rjsf', file: 'rjsf.jsx', modules: ['rjsf5/node_modules'] },
  { name: 'JSON Forms 3', driver: 'jsonForms', file: 'jsonforms.jsx' },
  { name: 'React Query Builder 8', driver: 'queryBuilder', file: 'querybuilder.jsx' },
];

/** Bundle a component with its library and the checks. */
async function bundled({ name, driver, file, modules = [] }) {
  const outfile = join(directory, `${name}.mjs`);
  const contents = `
    import * as components from ${JSON.stringify(join(directory, file))};
    import { ${driver} } from './libraries.jsx';
    import './schemas.js';
    export { check } from './check.js';
    export const library = (criteria) => ${driver}(components, criteria);
  `;
  await build({
    stdin: { contents, resolveDir: here },
    outfile,
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    external: ['node:*'],
    nodePaths: [...modules, 'node_modules'].map((path) => join(here, path)),
    alias: { 'json-schema-merge-allof': join(here, 'schemas.js') },
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  return import(outfile);
}

for (const each of LIBRARIES) {
  const { check, library } = await bundled(each);
  const driver = library(criteria);
  for (const criterion of criteria) {
    const result = await check(driver, criterion);
    console.log(JSON.stringify({ library: each.name, criterion: criterion.key, ...result }));
  }
  if (driver.submitRule) {
    console.log(JSON.stringify({ library: each.name, rule: await driver.submitRule(rule) }));
  }
}
