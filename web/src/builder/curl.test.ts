import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../rule/rule';
import { curlCommand } from './curl';

const ORIGIN = 'https://segments.example:8443';

/** Run a command in a shell and return the arguments that curl received. */
function argumentsOf(command: string): string[] {
  const script = `curl() { for each; do printf '%s\\036' "$each"; done; }\n${command}`;
  const env = { TOKEN: 'seg_of the "shop"' };
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env }).split('\x1e');
}

function tagged(...tags: string[]): Rule {
  return { tag: { operator: 'ANY_OF', tags } };
}

describe('curlCommand', () => {
  it('asks the server for the size with the token in $TOKEN', () => {
    const [silent, address, ...rest] = argumentsOf(curlCommand(tagged('vip'), ORIGIN));
    expect(silent).toBe('-s');
    expect(address).toBe('https://segments.example:8443/graphql');
    expect(rest.slice(0, 5)).toStrictEqual([
      '-H',
      'Authorization: Bearer seg_of the "shop"',
      '-H',
      'Content-Type: application/json',
      '-d',
    ]);
    const { query, variables } = JSON.parse(rest[5] as string);
    expect(query).toMatch(
      /^query SegmentSize\(\$rule: RuleInput!\) \{ segmentSize\(rule: \$rule\)/,
    );
    expect(variables).toStrictEqual({ rule: tagged('vip') });
  });

  it('is a single line', () => {
    expect(curlCommand(tagged('two\nlines'), ORIGIN)).not.toContain('\n');
  });

  it.each([
    "o'clock",
    "''",
    "'; echo harm; '",
    '"quoted"',
    '$(echo harm) `echo harm` $TOKEN',
    'back\\slash \\',
    '\\u0027',
    '!! * ? ~ # & | < > ( ) { } [ ]',
    'tab\tline\nend\r',
    '\u0000\u001e\u007f',
    'äöü 鯨 🐋\u2028',
    '%s %d %%',
    '@file',
  ])('escapes what a shell would interpret: %j', (tag) => {
    const body = argumentsOf(curlCommand(tagged(tag), ORIGIN)).at(-2) as string;
    expect(JSON.parse(body).variables.rule).toStrictEqual(tagged(tag));
  });

  it('preserves any text', () => {
    const tags = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(tags, (generated) => {
        const body = argumentsOf(curlCommand(tagged(...generated), ORIGIN)).at(-2) as string;
        expect(JSON.parse(body).variables.rule).toStrictEqual(tagged(...generated));
      }),
      { numRuns: 30 },
    );
  });
});
