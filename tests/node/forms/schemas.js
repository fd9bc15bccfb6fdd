// What RJSF 5 derives from schemas, kept by their content. With every render it compiles and merges
// schemas that are equal to those before, which took two thirds of the time of all checks.

import Ajv from 'ajv';
import merge from './node_modules/json-schema-merge-allof/src/index.js';

const compile = Ajv.prototype.compile;
const compiled = new WeakMap();

Ajv.prototype.compile = function (schema, meta) {
  if (!compiled.has(this)) compiled.set(this, new Map());
  return kept(compiled.get(this), schema, () => compile.call(this, schema, meta));
};

const merged = new Map();

/** Stands in for json-schema-merge-allof. RJSF 5 always gives the same options. */
export default function mergeAllOf(schema, options) {
  return structuredClone(kept(merged, schema, () => merge(schema, options)));
}

function kept(known, schema, derive) {
  const key = JSON.stringify(schema);
  if (!known.has(key)) known.set(key, derive());
  return known.get(key);
}
