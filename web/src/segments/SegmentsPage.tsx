/** The shop's segments, and templates to start from. */

import {
  infiniteQueryOptions,
  keepPreviousData,
  useInfiniteQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { type ApiError, ask } from '../api/client';
import {
  SegmentArchiveDocument,
  SegmentDeleteDocument,
  SegmentDuplicateDocument,
  type SegmentSortKey,
  SegmentsDocument,
  SegmentUnarchiveDocument,
  type ShopQuery,
} from '../api/generated/graphql';
import { inDays } from '../rule/words';
import { Dialog } from '../ui/Dialog';
import { Failed, Loading } from '../ui/states';
import { type Actions, type Listed, SegmentCard } from './SegmentCard';
import { Templates } from './Templates';
import { useSizes } from './useSizes';

const LAST_CHANGED = 'UPDATED_AT reverse';
const ORDERS = {
  [LAST_CHANGED]: 'Last changed',
  'CREATED_AT reverse': 'Newest',
  CREATED_AT: 'Oldest',
  NAME: 'Name, A to Z',
  'NAME reverse': 'Name, Z to A',
} as const;

/** The pages of the list; without arguments what it shows at first. */
export function pagesOf(search = '', order: string = LAST_CHANGED, archived = false) {
  const [sortKey = '', reverse] = order.split(' ');
  return infiniteQueryOptions({
    queryKey: ['segments', search, order, archived],
    queryFn: ({ pageParam, signal }) =>
      ask(
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

export function SegmentsPage({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const sort = params.get('sort') ?? '';
  const order = Object.hasOwn(ORDERS, sort) ? sort : LAST_CHANGED;
  const archived = params.has('archived');
  const [{ said, wrong }, setSaid] = useState({ said: '', wrong: false });
  const heading = useRef<HTMLHeadingElement>(null);
  const [deleting, setDeleting] = useState<Listed | null>(null);
  const navigate = useNavigate();
  const client = useQueryClient();
  const list = useInfiniteQuery({
    ...pagesOf(search, order, archived),
    placeholderData: keepPreviousData,
  });
  const segments = list.data?.pages.flatMap((page) => page.segments.nodes) ?? [];
  const sizes = useSizes(segments.filter(({ problems }) => problems.length === 0));

  useEffect(() => {
    document.title = 'Segments';
  }, []);

  function set(name: string, value: string | null): void {
    setSaid({ said: '', wrong: false });
    setParams(
      (current) => {
        if (value) current.set(name, value);
        else current.delete(name);
        return current;
      },
      // At once: an input that shows what it was for a moment longer would lose a second click.
      { replace: true, flushSync: true },
    );
  }

  async function act(work: () => Promise<readonly { message: string }[]>, done: string) {
    try {
      const errors = await work();
      const refusal = errors.map(({ message }) => message).join(' ');
      setSaid({ said: refusal || done, wrong: refusal !== '' });
      await client.invalidateQueries({ queryKey: ['segments'] });
    } catch (error) {
      setSaid({ said: (error as ApiError).message, wrong: true });
    }
    // The button that was pressed may have gone with its segment.
    if (document.activeElement === document.body) heading.current?.focus();
  }

  const actions: Actions = {
    duplicate: ({ id }) =>
      act(async () => {
        const { segmentDuplicate } = await ask(SegmentDuplicateDocument, { id });
        if (segmentDuplicate.segment) navigate(`/segments/${segmentDuplicate.segment.id}`);
        return segmentDuplicate.userErrors;
      }, ''),
    archive: ({ id, name }) =>
      act(
        async () =>
          archived
            ? (await ask(SegmentUnarchiveDocument, { id })).segmentUnarchive.userErrors
            : (await ask(SegmentArchiveDocument, { id })).segmentArchive.userErrors,
        archived ? `${name} is back.` : `${name} is archived.`,
      ),
    remove: setDeleting,
    refuse: (reason) => setSaid({ said: reason, wrong: true }),
  };

  async function remove({ id, name }: Listed): Promise<void> {
    setDeleting(null);
    await act(
      async () => (await ask(SegmentDeleteDocument, { id })).segmentDelete.userErrors,
      `${name} is deleted.`,
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
        <SearchInput value={search} onChange={(text) => set('search', text)} />
        <label>
          <span>Sort by</span>
          <select value={order} onChange={(event) => set('sort', event.target.value)}>
            {Object.entries(ORDERS).map(([value, label]) => (
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
            onChange={(event) => set('archived', event.target.checked ? 'yes' : null)}
          />
          <span>Archived only</span>
        </label>
      </div>
      <p role="status" className={said ? `notice ${wrong ? 'problem' : ''}` : ''}>
        {said}
      </p>
      {list.error ? (
        <Failed error={list.error as ApiError} onRetry={() => list.refetch()} />
      ) : !list.data ? (
        <Loading />
      ) : segments.length === 0 ? (
        <p className="panel empty">
          {search ? `No segment has “${search}” in its name.` : 'There are none.'}
        </p>
      ) : (
        <ul className="segments">
          {segments.map((segment) => (
            <SegmentCard
              key={segment.id}
              segment={segment}
              size={sizes.of(segment.id)}
              retry={() => sizes.retry(segment.id)}
              changed={inDays(segment.updatedAt, shop.timezone)}
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
        <Dialog title={`Delete “${deleting.name}”?`} onClose={() => setDeleting(null)}>
          <p>It is gone for good. Its contacts stay.</p>
          <div className="actions">
            <button type="button" onClick={() => setDeleting(null)}>
              Keep it
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

const TYPING = 250;

/** What is typed, which becomes part of the address once the hands rest. */
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
        placeholder="Part of a name"
        onChange={(event) => {
          const text = event.target.value;
          setTyped(text);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => onChange(text.trim()), TYPING);
        }}
      />
    </label>
  );
}
