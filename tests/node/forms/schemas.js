// What RJSF 5 derives from schemas, kept by their content. With every render it compiles and merges
// schemas that are equal to those before, which took two thirds of the time of all checks.

import Ajv from 'ajv';
import merge from './node_modules/json-schema-merge-allof/src/index.js';

const compile = Ajv.prototype.compile;
const compiled = new WeakMap();

Ajv.prototype.compile = function (schema, meta) {
  if (!compiled.has(this)) compiled.set(this, { objects: new WeakMap(), texts: new Map() });
  const { objects, texts } = compiled.get(this);
  if (!objects.has(schema)) {
    objects.set(schema, kept(texts, schema, () => compile.call(this, schema, meta)));
  }
  return objects.get(schema);
};

const merged = new Map();

/** Stands in for json-schema-merge-allof. RJSF 5 always gives the same options. */
export default function mergeAllOf(schema, options) {
  return JSON.parse(kept(merged, schema, () => JSON.stringify(merge(schema, options))));
}

function kept(known, schema, derive) {
  const key = JSON.stringify(schema);
  if (!known.has(key)) known.set(key, derive());
  return known.get(key);
}
