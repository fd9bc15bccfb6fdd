/** Saving what was built, and what keeps it from being saved. */

import { useState } from 'react';
import { type ApiError, ask } from '../api/client';
import {
  type RuleInput,
  SegmentCreateDocument,
  SegmentUpdateDocument,
  type SegmentUpdateInput,
} from '../api/generated/graphql';
import { type Draft, locate, type Rule, sameRule } from '../rule/rule';
import type { Problems } from '../rule/values';
import { type Saved, savedSegment } from './useSegment';

interface Refusal {
  code: string;
  message: string;
  path: readonly string[];
}

export interface Refused {
  /** What is wrong with the name, and with the description. */
  name: string | null;
  description: string | null;
  /** What is wrong with rows, by their ids and the paths of their inputs. */
  rows: ReadonlyMap<string, Problems>;
  /** What is wrong beside. */
  other: string | null;
}

export const NOTHING_REFUSED: Refused = {
  name: null,
  description: null,
  rows: new Map(),
  other: null,
};

export interface Wanted {
  name: string;
  description: string;
  draft: Draft;
}

/** What is saved, as the editor writes it. */
export interface Kept {
  id: string;
  version: number;
  name: string;
  description: string;
  rule: Rule;
}

export interface Save {
  saving: boolean;
  refused: Refused;
  /** What somebody else has saved meanwhile. */
  theirs: Saved | null;
  /** Saves a new segment; answers what is kept then, or null when nothing was. */
  create(wanted: Wanted): Promise<Kept | null>;
  /** Saves what differs from what is kept. */
  update(wanted: Wanted, kept: Kept): Promise<Kept | null>;
  /** Saves all of it in the place of what somebody else has saved. */
  replace(wanted: Wanted, theirs: Saved): Promise<Kept | null>;
  /** What was refused is being mended. */
  forgive(): void;
  /** Goes on without deciding between the two versions. */
  close(): void;
}

interface Outcome {
  segment: { id: string; version: number } | null;
  userErrors: readonly Refusal[];
}

export function useSave(): Save {
  const [saving, setSaving] = useState(false);
  const [refused, setRefused] = useState(NOTHING_REFUSED);
  const [theirs, setTheirs] = useState<Saved | null>(null);

  async function save(
    wanted: Wanted,
    id: string | null,
    work: () => Promise<Outcome>,
  ): Promise<Kept | null> {
    setSaving(true);
    setTheirs(null);
    setRefused(NOTHING_REFUSED);
    try {
      const { segment, userErrors } = await work();
      const { name, description, draft } = wanted;
      if (segment) return { ...segment, name, description, rule: draft.rule };
      if (id !== null && userErrors.some(({ code }) => code === 'VERSION_CONFLICT')) {
        setTheirs((await savedSegment(id)).saved);
      } else {
        setRefused(sorted(userErrors, draft));
      }
    } catch (error) {
      const { message, code, path } = error as ApiError;
      setRefused(sorted([{ message, code, path }], wanted.draft));
    } finally {
      setSaving(false);
    }
    return null;
  }

  async function send(id: string, input: SegmentUpdateInput): Promise<Outcome> {
    return (await ask(SegmentUpdateDocument, { id, input })).segmentUpdate;
  }

  return {
    saving,
    refused,
    theirs,
    forgive: () => setRefused(NOTHING_REFUSED),
    close: () => setTheirs(null),
    create: (wanted) =>
      save(wanted, null, async () => {
        const { segmentCreate } = await ask(SegmentCreateDocument, { input: inputOf(wanted) });
        return segmentCreate;
      }),
    update: (wanted, kept) =>
      save(wanted, kept.id, () =>
        send(kept.id, { ...changes(wanted, kept), expectedVersion: kept.version }),
      ),
    replace: (wanted, { id, version }) =>
      save(wanted, id, () => send(id, { ...inputOf(wanted), expectedVersion: version })),
  };
}

function inputOf({ name, description, draft }: Wanted) {
  return { name, description, rule: draft.rule as RuleInput };
}

/** What differs: so a segment whose rule has problems can be renamed. */
function changes(wanted: Wanted, kept: Kept): SegmentUpdateInput {
  const { name, description, rule } = inputOf(wanted);
  return {
    ...(name !== kept.name && { name }),
    ...(description !== kept.description && { description }),
    ...(!sameRule(rule as Rule, kept.rule) && { rule }),
  };
}

/** Errors at the inputs that they are about. */
export function sorted(errors: readonly Refusal[], draft: Draft): Refused {
  const rows = new Map<string, Map<string, string>>();
  let name: string | null = null;
  let description: string | null = null;
  const other: string[] = [];
  for (const { message, path } of errors) {
    const rule = path.indexOf('rule');
    const place = rule < 0 ? null : locate(draft, path.slice(rule));
    if (place) {
      const row = rows.get(place.id) ?? new Map<string, string>();
      rows.set(place.id, row.set(place.input.join('.'), withoutPath(message, path)));
    } else if (path.at(-1) === 'name') {
      name = message;
    } else if (path.at(-1) === 'description') {
      description = message;
    } else {
      other.push(message);
    }
  }
  return { name, description, rows, other: other.length > 0 ? other.join(' ') : null };
}

/** The API's sentences begin with the path, which is no news beside the input. */
function withoutPath(message: string, path: readonly string[]): string {
  const prefix = `${path.join('.')} `;
  if (!message.startsWith(prefix)) return message;
  const rest = message.slice(prefix.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
