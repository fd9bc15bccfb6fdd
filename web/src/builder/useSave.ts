/** Saving a segment, with the server's errors and other people's conflicting changes. */

import { useState } from 'react';
import { ApiError, execute } from '../api/client';
import {
  type RuleInput,
  SegmentCreateDocument,
  SegmentUpdateDocument,
  type SegmentUpdateInput,
} from '../api/generated/graphql';
import { type Draft, locate, type Rule, sameRule } from '../rule/rule';
import type { Problems } from '../rule/values';
import { fetchSegment, type SavedSegment } from './useInitialSegment';

interface UserError {
  code: string;
  message: string;
  path: readonly string[];
}

/** Errors, grouped by input. */
export interface SaveErrors {
  name: string | null;
  description: string | null;
  /** Errors by row or group id, then by the path of the input. */
  rows: ReadonlyMap<string, Problems>;
  /** Errors without an input of their own. */
  other: string | null;
}

export const NO_ERRORS: SaveErrors = {
  name: null,
  description: null,
  rows: new Map(),
  other: null,
};

/** What the user wants to save. */
export interface Edited {
  name: string;
  description: string;
  draft: Draft;
}

/** What the server has, with the rule as the editor writes it. */
export interface SavedVersion {
  id: string;
  version: number;
  name: string;
  description: string;
  rule: Rule;
}

export interface Save {
  saving: boolean;
  errors: SaveErrors;
  /** The version that someone else saved in the meantime. */
  conflict: SavedSegment | null;
  /**
   * Create a segment; return what the server has now, or null if saving failed; see `errors` and
   * `conflict`.
   */
  create(edited: Edited): Promise<SavedVersion | null>;
  /** Save what differs from `saved`. */
  update(edited: Edited, saved: SavedVersion): Promise<SavedVersion | null>;
  /** Overwrite what someone else saved. */
  overwrite(edited: Edited, conflict: SavedSegment): Promise<SavedVersion | null>;
  clearErrors(): void;
  /** Close a conflict without resolving it. */
  closeConflict(): void;
}

interface Outcome {
  segment: { id: string; version: number } | null;
  userErrors: readonly UserError[];
}

export function useSave(): Save {
  const [saving, setSaving] = useState(false);
  const [errors, setErrors] = useState(NO_ERRORS);
  const [conflict, setConflict] = useState<SavedSegment | null>(null);

  async function save(
    edited: Edited,
    id: string | null,
    send: () => Promise<Outcome>,
  ): Promise<SavedVersion | null> {
    setSaving(true);
    setConflict(null);
    setErrors(NO_ERRORS);
    try {
      const { segment, userErrors } = await send();
      const { name, description, draft } = edited;
      if (segment) return { ...segment, name, description, rule: draft.rule };
      if (id !== null && userErrors.some(({ code }) => code === 'VERSION_CONFLICT')) {
        setConflict(await fetchSegment(id));
      } else {
        setErrors(groupErrors(userErrors, draft));
      }
    } catch (error) {
      setErrors(groupErrors([toUserError(error)], edited.draft));
    } finally {
      setSaving(false);
    }
    return null;
  }

  async function sendUpdate(id: string, input: SegmentUpdateInput): Promise<Outcome> {
    return (await execute(SegmentUpdateDocument, { id, input })).segmentUpdate;
  }

  return {
    saving,
    errors,
    conflict,
    clearErrors: () => setErrors(NO_ERRORS),
    closeConflict: () => setConflict(null),
    create: (edited) =>
      save(edited, null, async () => {
        const { segmentCreate } = await execute(SegmentCreateDocument, { input: toInput(edited) });
        return segmentCreate;
      }),
    update: (edited, saved) =>
      save(edited, saved.id, () =>
        sendUpdate(saved.id, { ...changesOf(edited, saved), expectedVersion: saved.version }),
      ),
    overwrite: (edited, { id, version }) =>
      save(edited, id, () => sendUpdate(id, { ...toInput(edited), expectedVersion: version })),
  };
}

function toInput({ name, description, draft }: Edited) {
  return { name, description, rule: draft.rule as RuleInput };
}

/** Return what has changed. Leaving the rest out lets a segment with an invalid rule be renamed. */
function changesOf(edited: Edited, saved: SavedVersion): SegmentUpdateInput {
  const { name, description, rule } = toInput(edited);
  return {
    ...(name !== saved.name && { name }),
    ...(description !== saved.description && { description }),
    ...(!sameRule(rule as Rule, saved.rule) && { rule }),
  };
}

/** Return what is wrong; any exception but an ApiError is a fault of the page. */
export function toUserError(error: unknown): UserError {
  if (error instanceof ApiError) return error;
  return { code: 'INTERNAL', message: `Saving failed: ${error}.`, path: [] };
}

/** Group errors by the input that their paths name. */
export function groupErrors(errors: readonly UserError[], draft: Draft): SaveErrors {
  const rows = new Map<string, Map<string, string>>();
  let name: string | null = null;
  let description: string | null = null;
  let other: string | null = null;
  for (const { message, path } of errors) {
    const rule = path.indexOf('rule');
    const node = rule < 0 ? null : locate(draft, path.slice(rule));
    if (node) {
      const row = rows.get(node.id) ?? new Map<string, string>();
      const input = node.input.join('.');
      rows.set(node.id, row.set(input, append(row.get(input), withoutPath(message, path))));
    } else if (path.at(-1) === 'name') {
      name = append(name, message);
    } else if (path.at(-1) === 'description') {
      description = append(description, message);
    } else {
      other = append(other, message);
    }
  }
  return { name, description, rows, other };
}

/** Append a message to earlier ones about the same input. */
function append(earlier: string | null | undefined, message: string): string {
  return earlier ? `${earlier} ${message}` : message;
}

/** Remove the path at the start of an API message; the message is shown at that input anyway. */
function withoutPath(message: string, path: readonly string[]): string {
  const prefix = `${path.join('.')} `;
  if (!message.startsWith(prefix)) return message;
  const rest = message.slice(prefix.length);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
