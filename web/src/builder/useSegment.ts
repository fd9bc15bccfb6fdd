/** What the builder begins with: a saved segment, a template, or nothing. */

import { useQuery } from '@tanstack/react-query';
import { ApiError, ask } from '../api/client';
import { SegmentDocument, type SegmentQuery, TemplatesDocument } from '../api/generated/graphql';
import { EVERYONE, type Rule } from '../rule/rule';

export type Saved = NonNullable<SegmentQuery['segment']>;

export interface Beginning {
  /** What is saved; null for what is new. */
  saved: Saved | null;
  name: string;
  description: string;
  rule: Rule;
}

export async function savedSegment(id: string, signal?: AbortSignal): Promise<Beginning> {
  const { segment } = await ask(SegmentDocument, { id }, signal);
  if (!segment) throw new ApiError('There is no such segment.', 'NOT_FOUND');
  return beginning(segment);
}

export function beginning(saved: Saved): Beginning {
  const { name, description, rule } = saved;
  return { saved, name, description, rule: rule as Rule };
}

async function fromTemplate(key: string, signal: AbortSignal): Promise<Beginning> {
  const { segmentTemplates } = await ask(TemplatesDocument, {}, signal);
  const template = segmentTemplates.find((each) => each.key === key);
  if (!template) throw new ApiError('There is no such template.', 'NOT_FOUND');
  const { name, description, rule } = template;
  return { saved: null, name, description, rule: rule as Rule };
}

const NOTHING: Beginning = { saved: null, name: '', description: '', rule: EVERYONE };

/** What an address leads to, asked for anew each time that it is opened. */
export function useBeginning(opened: string, id: string | undefined, template: string | null) {
  return useQuery({
    queryKey: ['beginning', opened],
    queryFn: ({ signal }) => {
      if (id) return savedSegment(id, signal);
      return template ? fromTemplate(template, signal) : NOTHING;
    },
    // What is edited here must not change because the window got the focus.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
}
