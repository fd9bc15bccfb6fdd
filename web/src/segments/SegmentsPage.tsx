/** The page at /builder/: the shop's segments, and templates to start from. */

import {
  infiniteQueryOptions,
  keepPreviousData,
  useInfiniteQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { type ApiError, execute } from '../api/client';
import {
  SegmentArchiveDocument,
  SegmentDeleteDocument,
  SegmentDuplicateDocument,
  type SegmentSortKey,
  SegmentsDocument,
  SegmentUnarchiveDocument,
  type ShopQuery,
} from '../api/generated/graphql';
import { formatDate } from '../rule/format';
import { Dialog } from '../ui/Dialog';
import { LoadError, Loading } from '../ui/states';
import { type ListedSegment, type SegmentActions, SegmentCard } from './SegmentCard';
import { Templates } from './Templates';
import { useSizes } from './useSizes';

const RECENTLY_UPDATED = 'UPDATED_AT reverse';
const SORT_ORDERS = {
  [RECENTLY_UPDATED]: 'Recently updated',
  'CREATED_AT reverse': 'Newest',
  CREATED_AT: 'Oldest',
  NAME: 'Name, A to Z',
  'NAME reverse': 'Name, Z to A',
} as const;

/** Return the query for the pages of the list; without arguments, for its initial state. */
export function segmentPages(search = '', order: string = RECENTLY_UPDATED, archived = false) {
  const [sortKey = '', reverse] = order.split(' ');
  return infiniteQueryOptions({
    queryKey: ['segments', search, order, archived],
    queryFn: ({ pageParam, signal }) =>
      execute(
        SegmentsDocument,
        {
          search,
          sortKey: sortKey as SegmentSortKey,
          reverse: reverse !== undefined,
          archived,
          after: pageParam,
        },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ segments }) =>
      segments.pageInfo.hasNextPage ? segments.pageInfo.endCursor : undefined,
    retry: false,
  });
}

interface Notice {
  text: string;
  isProblem: boolean;
}

const NO_NOTICE: Notice = { text: '', isProblem: false };

export function SegmentsPage({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const sort = params.get('sort') ?? '';
  const order = Object.hasOwn(SORT_ORDERS, sort) ? sort : RECENTLY_UPDATED;
  const archived = params.has('archived');
  const [notice, setNotice] = useState(NO_NOTICE);
  const heading = useRef<HTMLHeadingElement>(null);
  const [deleting, setDeleting] = useState<ListedSegment | null>(null);
  const navigate = useNavigate();
  const client = useQueryClient();
  const list = useInfiniteQuery({
    ...segmentPages(search, order, archived),
    placeholderData: keepPreviousData,
  });
  const segments = list.data?.pages.flatMap((page) => page.segments.nodes) ?? [];
  const sizes = useSizes(segments.filter(({ problems }) => problems.length === 0));

  useEffect(() => {
    document.title = 'Segments';
  }, []);

  function setParam(name: string, value: string | null): void {
    setNotice(NO_NOTICE);
    setParams(
      (current) => {
        if (value) current.set(name, value);
        else current.delete(name);
        return current;
      },
      // Synchronously: a checkbox that still showed its old state would lose a second click.
      { replace: true, flushSync: true },
    );
  }

  async function act(action: () => Promise<readonly { message: string }[]>, done: string) {
    try {
      const errors = await action();
      const refusal = errors.map(({ message }) => message).join(' ');
      setNotice({ text: refusal || done, isProblem: refusal !== '' });
      await client.invalidateQueries({ queryKey: ['segments'] });
    } catch (error) {
      setNotice({ text: (error as ApiError).message, isProblem: true });
    }
    // The clicked button may have disappeared with its segment.
    if (document.activeElement === document.body) heading.current?.focus();
  }

  const actions: SegmentActions = {
    duplicate: ({ id }) =>
      act(async () => {
        const { segmentDuplicate } = await execute(SegmentDuplicateDocument, { id });
        if (segmentDuplicate.segment) navigate(`/segments/${segmentDuplicate.segment.id}`);
        return segmentDuplicate.userErrors;
      }, ''),
    toggleArchived: ({ id, name }) =>
      act(
        async () =>
          archived
            ? (await execute(SegmentUnarchiveDocument, { id })).segmentUnarchive.userErrors
            : (await execute(SegmentArchiveDocument, { id })).segmentArchive.userErrors,
        `${archived ? 'Restored' : 'Archived'} "${name}"`,
      ),
    askToDelete: setDeleting,
    refuse: (reason) => setNotice({ text: reason, isProblem: true }),
  };

  async function remove({ id, name }: ListedSegment): Promise<void> {
    setDeleting(null);
    await act(
      async () => (await execute(SegmentDeleteDocument, { id })).segmentDelete.userErrors,
      `Deleted "${name}"`,
    );
  }

  return (
    <>
      <div className="page-bar">
        <h1 ref={heading} tabIndex={-1}>
          Segments
        </h1>
        <Link to="/new" className="button primary">
          New segment
        </Link>
      </div>
      <div className="filters">
        <SearchInput value={search} onChange={(text) => setParam('search', text)} />
        <label>
          <span>Sort by</span>
          <select value={order} onChange={(event) => setParam('sort', event.target.value)}>
            {Object.entries(SORT_ORDERS).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={archived}
            onChange={(event) => setParam('archived', event.target.checked ? 'yes' : null)}
          />
          <span>Archived only</span>
        </label>
      </div>
      <p role="status" className={notice.text ? `notice ${notice.isProblem ? 'problem' : ''}` : ''}>
        {notice.text}
      </p>
      {list.error ? (
        <LoadError error={list.error as ApiError} onRetry={() => list.refetch()} />
      ) : !list.data ? (
        <Loading />
      ) : segments.length === 0 ? (
        <p className="panel empty">
          {search
            ? `No segments match "${search}"`
            : archived
              ? 'No archived segments'
              : 'No segments yet'}
        </p>
      ) : (
        <ul className="segments">
          {segments.map((segment) => (
            <SegmentCard
              key={segment.id}
              segment={segment}
              size={sizes.of(segment.id)}
              retry={() => sizes.retry(segment.id)}
              updated={formatDate(segment.updatedAt, shop.utcOffsets)}
              actions={actions}
            />
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <button type="button" onClick={() => list.fetchNextPage()}>
          Show more
        </button>
      )}
      <Templates />
      {deleting && (
        <Dialog title={`Delete "${deleting.name}"?`} onClose={() => setDeleting(null)}>
          <p>This can't be undone. Contacts aren't deleted.</p>
          <div className="actions">
            <button type="button" onClick={() => setDeleting(null)}>
              Cancel
            </button>
            <button type="button" className="danger" onClick={() => remove(deleting)}>
              Delete
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Milliseconds without a change before the search starts. */
const DEBOUNCE = 250;

function SearchInput({
  value,
  onChange,
}: {
  value: string;
  onChange(text: string): void;
}): ReactNode {
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    setTyped((current) => (current.trim() === value ? current : value));
    return () => clearTimeout(timer.current);
  }, [value]);
  return (
    <label>
      <span>Search</span>
      <input
        type="search"
        value={typed}
        placeholder="Segment name"
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(text.trim()), DEBOUNCE);
        }}
      />
    </label>
  );
}
