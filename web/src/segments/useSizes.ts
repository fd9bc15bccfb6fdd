/** Sizes of listed segments: a few at a time, after the list itself is there. */

import { useQueries, useQueryClient } from '@tanstack/react-query';
import { ApiError, apiError, askInPart } from '../api/client';
import { SegmentSizesDocument, type SegmentSizesQuery } from '../api/generated/graphql';

type Node = Extract<SegmentSizesQuery['nodes'][number], { size: unknown }>;

type Counted = NonNullable<Node['size']>;

/** A size, or why there is none. */
export type ListedSize = Counted | ApiError | 'pending';

const NO_SIZE = new ApiError('The server gave no size.', 'INTERNAL');

/** How many are asked for in one request. */
const BATCH = 5;

export interface Sizes {
  of(id: string): ListedSize;
  retry(id: string): void;
}

export function useSizes(segments: readonly { id: string; updatedAt: string }[]): Sizes {
  const client = useQueryClient();
  const batches = inBatches(segments);
  const answers = useQueries({
    queries: batches.map((batch) => ({
      queryKey: ['segments', 'sizes', batch],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        sizes(
          batch.map(({ id }) => id),
          signal,
        ),
      retry: false,
    })),
  });
  const found = new Map<string, ListedSize>();
  batches.forEach((batch, position) => {
    const answer = answers[position];
    for (const { id } of batch) {
      const known = answer?.data?.get(id) ?? (answer?.error as ApiError | null | undefined);
      const waited = !answer || answer.isFetching || (answer.isPending && !answer.error);
      const none = waited ? 'pending' : (known ?? NO_SIZE);
      found.set(id, known && !(known instanceof ApiError) ? known : none);
    }
  });
  return {
    of: (id) => found.get(id) ?? 'pending',
    retry(id) {
      const batch = batches.find((each) => each.some((segment) => segment.id === id));
      void client.refetchQueries({ queryKey: ['segments', 'sizes', batch] });
    },
  };
}

function inBatches<Item extends { id: string; updatedAt: string }>(items: readonly Item[]) {
  const batches: { id: string; updatedAt: string }[][] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    batches.push(items.slice(start, start + BATCH).map(({ id, updatedAt }) => ({ id, updatedAt })));
  }
  return batches;
}

/** What could be counted, and why some could not. */
async function sizes(
  ids: string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Counted | ApiError>> {
  const { data, errors } = await askInPart(SegmentSizesDocument, { ids }, signal);
  const found = new Map<string, Counted | ApiError>();
  for (const error of errors) {
    const id = ids[Number(error.path?.[1])];
    if (id !== undefined) found.set(id, apiError([error]));
  }
  for (const node of data.nodes) {
    if (node && 'size' in node && node.size) found.set(node.id, node.size);
  }
  return found;
}
