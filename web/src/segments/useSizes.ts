/** The sizes of listed segments, fetched in batches after the list itself. */

import { useQueries, useQueryClient } from '@tanstack/react-query';
import { ApiError, executePartial, toApiError } from '../api/client';
import { SegmentSizesDocument, type SegmentSizesQuery } from '../api/generated/graphql';

type SegmentNode = Extract<SegmentSizesQuery['nodes'][number], { size: unknown }>;
type Size = NonNullable<SegmentNode['size']>;

/** A size, or why a segment has none. */
export type ListedSize = Size | ApiError | 'pending';

interface Item {
  id: string;
  updatedAt: string;
}

const NO_SIZE = new ApiError('The server returned no size.', 'INTERNAL');

/** Segments per request. */
const BATCH = 5;

export interface Sizes {
  of(id: string): ListedSize;
  retry(id: string): void;
}

export function useSizes(segments: readonly Item[]): Sizes {
  const client = useQueryClient();
  const batches = inBatches(segments);
  const results = useQueries({
    queries: batches.map((batch) => ({
      queryKey: ['segments', 'sizes', batch],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        fetchSizes(
          batch.map(({ id }) => id),
          signal,
        ),
      retry: false,
    })),
  });
  const sizes = new Map<string, ListedSize>();
  batches.forEach((batch, position) => {
    const result = results[position];
    for (const { id } of batch) {
      const size = result?.data?.get(id);
      const pending = !result || result.isFetching || (result.isPending && !result.error);
      const error = size ?? (result?.error as ApiError | null | undefined) ?? NO_SIZE;
      if (size && !(size instanceof ApiError)) sizes.set(id, size);
      else sizes.set(id, pending ? 'pending' : error);
    }
  });
  return {
    of: (id) => sizes.get(id) ?? 'pending',
    retry(id) {
      const batch = batches.find((each) => each.some((segment) => segment.id === id));
      void client.refetchQueries({ queryKey: ['segments', 'sizes', batch] });
    },
  };
}

function inBatches(items: readonly Item[]): Item[][] {
  const batches: Item[][] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    batches.push(items.slice(start, start + BATCH).map(({ id, updatedAt }) => ({ id, updatedAt })));
  }
  return batches;
}

/** Return the size of each segment, or why it could not be counted. */
async function fetchSizes(
  ids: string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Size | ApiError>> {
  const { data, errors } = await executePartial(SegmentSizesDocument, { ids }, signal);
  const sizes = new Map<string, Size | ApiError>();
  for (const error of errors) {
    const id = ids[Number(error.path?.[1])];
    if (id !== undefined) sizes.set(id, toApiError([error]));
  }
  for (const node of data.nodes) {
    if (node && 'size' in node && node.size) sizes.set(node.id, node.size);
  }
  return sizes;
}
