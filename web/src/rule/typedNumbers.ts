/** Numbers as people type or paste them. */

import type { Value } from './values';

/** Return the number without the currency sign and the thousands separators: "£1,000.50" as "1000.50". */
export function stripFormatting(text: string): string {
  const bare = text.trim().replace(/^\p{Sc}\s*/u, '');
  return /^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(bare) ? bare.replaceAll(',', '') : bare;
}

/** Return a whole number as a number, and any other text as it was typed. */
export function parseWholeNumber(text: string): Value {
  const plain = stripFormatting(text);
  return /^-?\d+$/.test(plain) ? Number(plain) : text;
}
