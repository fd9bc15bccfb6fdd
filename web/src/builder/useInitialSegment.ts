/** What the builder starts with: a saved segment, a template, or nothing. */

import { useQuery } from '@tanstack/react-query';
import { ApiError, execute } from '../api/client';
import { SegmentDocument, type SegmentQuery, TemplatesDocument } from '../api/generated/graphql';
import { EVERYONE, type Rule } from '../rule/rule';

export type SavedSegment = NonNullable<SegmentQuery['segment']>;

export interface InitialSegment {
  /** The segment as the server has it; null for a new one. */
  saved: SavedSegment | null;
  name: string;
  description: string;
  rule: Rule;
}

/** Fetch a segment; throw an ApiError with the code NOT_FOUND if it does not exist. */
export async function fetchSegment(id: string, signal?: AbortSignal): Promise<SavedSegment> {
  const { segment } = await execute(SegmentDocument, { id }, signal);
  if (!segment) throw new ApiError("This segment doesn't exist.", 'NOT_FOUND');
  return segment;
}

export function initialFromSaved(saved: SavedSegment): InitialSegment {
  const { name, description, rule } = saved;
  return { saved, name, description, rule: rule as Rule };
}

async function fetchTemplate(key: string, signal: AbortSignal): Promise<InitialSegment> {
  const { segmentTemplates } = await execute(TemplatesDocument, {}, signal);
  const template = segmentTemplates.find((each) => each.key === key);
  if (!template) throw new ApiError("This template doesn't exist.", 'NOT_FOUND');
  const { name, description, rule } = template;
  return { saved: null, name, description, rule: rule as Rule };
}

const EMPTY: InitialSegment = { saved: null, name: '', description: '', rule: EVERYONE };

/** Fetch what a URL leads to; each new `visitKey` fetches it again. */
export function useInitialSegment(
  visitKey: string,
  id: string | undefined,
  template: string | null,
) {
  return useQuery({
    queryKey: ['initial segment', visitKey],
    queryFn: async ({ signal }) => {
      if (id) return initialFromSaved(await fetchSegment(id, signal));
      return template ? fetchTemplate(template, signal) : EMPTY;
    },
    // A refetch when the window gets the focus would replace what the user is editing.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
}
