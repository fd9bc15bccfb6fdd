/** The shop's segments, and templates to start from. */

import {
  keepPreviousData,
  useInfiniteQuery,
  useQuery,
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
  type SegmentsQuery,
  SegmentUnarchiveDocument,
  type ShopQuery,
  TemplatesDocument,
} from '../api/generated/graphql';
import { inDays, inNumbers, inPercent } from '../rule/words';
import { Dialog } from '../ui/Dialog';
import { Failed, Loading } from '../ui/states';
import { type ListedSize, useSizes } from './useSizes';

type Listed = SegmentsQuery['segments']['nodes'][number];

const ORDERS = {
  'UPDATED_AT reverse': 'Last changed',
  'CREATED_AT reverse': 'Newest',
  CREATED_AT: 'Oldest',
  NAME: 'Name, A to Z',
  'NAME reverse': 'Name, Z to A',
} as const;

export function SegmentsPage({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const sort = params.get('sort') ?? '';
  const order = Object.hasOwn(ORDERS, sort) ? sort : 'UPDATED_AT reverse';
  const archived = params.has('archived');
  const [said, setSaid] = useState('');
  const [deleting, setDeleting] = useState<Listed | null>(null);
  const navigate = useNavigate();
  const client = useQueryClient();
  const [sortKey = '', reverse] = order.split(' ');
  const list = useInfiniteQuery({
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
    placeholderData: keepPreviousData,
    retry: false,
  });
  const segments = list.data?.pages.flatMap((page) => page.segments.nodes) ?? [];
  const sizes = useSizes(segments.filter(({ problems }) => problems.length === 0));

  useEffect(() => {
    document.title = 'Segments';
  }, []);

  function set(name: string, value: string | null): void {
    setParams(
      (current) => {
        if (value) current.set(name, value);
        else current.delete(name);
        return current;
      },
      { replace: true },
    );
  }

  async function act(work: () => Promise<readonly { message: string }[]>, done: string) {
    try {
      const errors = await work();
      setSaid(errors.length > 0 ? errors.map(({ message }) => message).join(' ') : done);
      await client.invalidateQueries({ queryKey: ['segments'] });
    } catch (error) {
      setSaid((error as ApiError).message);
    }
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
        <h1>Segments</h1>
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
          <span>Archived</span>
        </label>
        <span role="status" className="hint">
          {said}
        </span>
      </div>
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

interface Actions {
  duplicate(segment: Listed): void;
  archive(segment: Listed): void;
  remove(segment: Listed): void;
}

interface SegmentCardProps {
  segment: Listed;
  size: ListedSize;
  retry(): void;
  changed: string;
  actions: Actions;
}

const DEFAULT = 'Every shop has this segment; nobody can archive or delete it.';

function SegmentCard({ segment, size, retry, changed, actions }: SegmentCardProps): ReactNode {
  const { name, isDefault, archived, problems } = segment;
  return (
    <li className="panel segment">
      <div className="segment-what">
        <h2>
          <Link to={`/segments/${segment.id}`}>{name}</Link>
        </h2>
        {isDefault && <span className="mark">Default</span>}
        {archived && <span className="mark">Archived</span>}
        {problems.length > 0 && <span className="mark wrong">Has problems</span>}
        <p>{segment.summary}</p>
        {problems.map(({ message }) => (
          <p key={message} className="problem">
            {message}
          </p>
        ))}
        <p className="hint">
          {segment.description ? `${segment.description} · ` : ''}Changed {changed}
        </p>
      </div>
      <div className="segment-size">
        {problems.length > 0 ? (
          <span className="unavailable">Unavailable</span>
        ) : size === 'pending' ? (
          <span className="unavailable" title="Counting">
            …
          </span>
        ) : size === 'failed' ? (
          <>
            <span className="unavailable">Unavailable</span>
            <button
              type="button"
              className="link"
              onClick={retry}
              aria-label={`Count ${name} again`}
            >
              Try again
            </button>
          </>
        ) : (
          <>
            <span className="size-number">{inNumbers(size.members)}</span>
            <span className="hint">{inPercent(size.share)}</span>
            <div className="share" aria-hidden="true">
              <div style={{ width: `${size.share * 100}%` }} />
            </div>
          </>
        )}
      </div>
      <div className="segment-actions">
        <button
          type="button"
          className="link"
          aria-label={`Duplicate ${name}`}
          onClick={() => actions.duplicate(segment)}
        >
          Duplicate
        </button>
        <button
          type="button"
          className="link"
          aria-label={`${archived ? 'Take back' : 'Archive'} ${name}`}
          disabled={isDefault}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => actions.archive(segment)}
        >
          {archived ? 'Take back' : 'Archive'}
        </button>
        <button
          type="button"
          className="link"
          aria-label={`Delete ${name}`}
          disabled={isDefault}
          title={isDefault ? DEFAULT : undefined}
          onClick={() => actions.remove(segment)}
        >
          Delete
        </button>
      </div>
    </li>
  );
}

function Templates(): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['templates'],
    queryFn: ({ signal }) => ask(TemplatesDocument, {}, signal),
    retry: false,
  });
  return (
    <section aria-labelledby="templates-heading">
      <h2 id="templates-heading">Start from a template</h2>
      {error ? (
        <Failed error={error as ApiError} onRetry={() => refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <ul className="templates">
          {data.segmentTemplates.map((template) => (
            <li key={template.key} className="panel">
              <h3>
                <Link to={`/new?template=${encodeURIComponent(template.key)}`}>
                  {template.name}
                </Link>
              </h3>
              <p>{template.description}</p>
              <p className="hint">{template.summary}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
