import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Fragment, type ReactNode, useState } from 'react';
import { type ApiError, execute } from '../api/client';
import { MembersDocument, type MembersQuery, type RuleInput } from '../api/generated/graphql';
import { countryName, formatDate, formatNumber } from '../rule/format';
import { type Criteria, operatorOf } from '../rule/metadata';
import { type Draft, type Group, isGroup, pathKey, type Row, sameRule } from '../rule/rule';
import { useEditor } from './context';
import { Explanation } from './Explanation';

type Edge = MembersQuery['segmentMembers']['edges'][number];
type Contact = Edge['node'];

/** Contacts per page, as in the Members document. */
const PAGE_SIZE = 10;

/** The most criteria that get a column; "Why?" explains them all. */
const MAX_COLUMNS = 6;

/** The cursors of the pages up to the current one, for a rule. */
interface Pagination {
  rule: string;
  cursors: readonly (string | null)[];
}

const FIRST_PAGE: readonly (string | null)[] = [null];

interface Column {
  path: string;
  label: string;
  operator: string;
}

/** A page of the contacts who match the rule, with the value that each criterion compared. */
export function Preview({ root }: { root: Group }): ReactNode {
  const { criteria, draft, shop, size } = useEditor();
  const { rule } = draft;
  // Fetch once the size of the current rule is known, not with every key.
  const ready = !size.pending && !size.error && size.rule !== null && sameRule(size.rule, rule);
  const ruleKey = JSON.stringify(rule);
  const [pagination, setPagination] = useState<Pagination>({ rule: ruleKey, cursors: FIRST_PAGE });
  const [explained, setExplained] = useState<string | null>(null);
  const cursors = pagination.rule === ruleKey ? pagination.cursors : FIRST_PAGE;
  const setCursors = (next: readonly (string | null)[]) =>
    setPagination({ rule: ruleKey, cursors: next });
  const after = cursors.at(-1) ?? null;
  const { data, error, isPlaceholderData, isFetching, refetch } = useQuery({
    // The instant of the size is part of the key: the list is fetched again when the size changes.
    queryKey: ['preview', ruleKey, after, size.size?.asOf],
    queryFn: async ({ signal }) => {
      const variables = { rule: rule as RuleInput, after };
      const { segmentMembers } = await execute(MembersDocument, variables, signal);
      return { rule, contacts: segmentMembers, columns: columnsOf(root, draft, criteria) };
    },
    enabled: ready,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });
  if (size.error) {
    return (
      <Panel busy={false}>
        <p className="hint">Available once the audience size is known</p>
      </Panel>
    );
  }
  if (error) {
    return (
      <Panel busy={isFetching}>
        <p className="problem">Unavailable: {(error as ApiError).message}</p>
        {!(error as ApiError).permanent && (
          <button type="button" className="retry" onClick={() => refetch()}>
            Try again
          </button>
        )}
      </Panel>
    );
  }
  if (!data) {
    return (
      <Panel busy={isFetching}>
        <p className="hint">Loading…</p>
      </Panel>
    );
  }
  const { contacts, columns } = data;
  if (contacts.edges.length === 0) {
    return (
      <Panel busy={isFetching}>
        <p className="empty">No contacts match these conditions</p>
      </Panel>
    );
  }
  const before = (cursors.length - 1) * PAGE_SIZE;
  return (
    <Panel busy={isFetching}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it */}
      <section className="scroll" tabIndex={0} aria-label="Matching contacts">
        <table className={isPlaceholderData || !ready ? 'pending' : ''}>
          <thead>
            <tr>
              <th scope="col">Contact</th>
              {columns.map(({ path, label, operator }) => (
                <th key={path} scope="col">
                  {label}
                  <span className="hint">{operator}</span>
                </th>
              ))}
              <th scope="col">Location</th>
              <th scope="col">Subscribed</th>
              <th scope="col">
                <span className="visually-hidden">Explanation</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {contacts.edges.map((edge) => (
              <Fragment key={edge.node.id}>
                <tr>
                  <th scope="row">
                    {nameOf(edge.node)}
                    <span className="hint">{addressesOf(edge.node)}</span>
                  </th>
                  {columns.map(({ path }) => (
                    <Cell key={path} edge={edge} path={path} />
                  ))}
                  <td>{locationOf(edge.node)}</td>
                  <td>
                    {edge.node.subscribedAt
                      ? formatDate(edge.node.subscribedAt, shop.utcOffsets)
                      : '–'}
                  </td>
                  <td>
                    <button
                      type="button"
                      className="link"
                      aria-expanded={explained === edge.node.id}
                      aria-label={`Why does ${nameOf(edge.node)} match?`}
                      onClick={() => setExplained(explained === edge.node.id ? null : edge.node.id)}
                    >
                      Why?
                    </button>
                  </td>
                </tr>
                {explained === edge.node.id && (
                  <tr>
                    <td colSpan={columns.length + 4}>
                      <Explanation rule={data.rule} contactId={edge.node.id} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </section>
      <nav className="pages" aria-label="Preview pages">
        <button
          type="button"
          aria-disabled={cursors.length === 1 || undefined}
          onClick={() => cursors.length > 1 && setCursors(cursors.slice(0, -1))}
        >
          Previous
        </button>
        <span>
          {formatNumber(before + 1)}–{formatNumber(before + contacts.edges.length)} of{' '}
          {formatNumber(contacts.totalCount)}
        </span>
        <button
          type="button"
          aria-disabled={!contacts.pageInfo.hasNextPage || undefined}
          onClick={() =>
            contacts.pageInfo.hasNextPage && setCursors([...cursors, contacts.pageInfo.endCursor])
          }
        >
          Next
        </button>
      </nav>
    </Panel>
  );
}

function Panel({ busy, children }: { busy: boolean; children: ReactNode }): ReactNode {
  return (
    <section className="panel preview" aria-labelledby="preview-heading" aria-busy={busy}>
      <h2 id="preview-heading">Preview</h2>
      {children}
    </section>
  );
}

/** The value that a criterion compared for a contact, or else whether the contact matches it. */
function Cell({ edge, path }: { edge: Edge; path: string }): ReactNode {
  const part = edge.explanation?.parts.find((each) => pathKey(each.path) === path);
  if (!part) return <td>–</td>;
  return (
    <td className={part.matches ? '' : 'unmatched'}>
      {part.measured ?? (part.matches ? 'Yes' : 'No')}
    </td>
  );
}

/** Return a column for each criterion of the rule, in the order of its rows. */
function columnsOf(root: Group, draft: Draft, criteria: Criteria): Column[] {
  return rowsOf(root)
    .flatMap((row) => {
      const path = draft.paths.get(row.id);
      const criterion = criteria.get(row.field);
      if (path === undefined || !criterion) return [];
      const operator = operatorOf(criterion, row.operator)?.label ?? '';
      return [{ path, label: criterion.label, operator }];
    })
    .slice(0, MAX_COLUMNS);
}

function rowsOf(group: Group): Row[] {
  return group.rules.flatMap((node) => (isGroup(node) ? rowsOf(node) : [node]));
}

function nameOf({ firstName, lastName, sourceId }: Contact): string {
  return [firstName, lastName].filter(Boolean).join(' ') || `Contact ${sourceId}`;
}

function addressesOf({ phone, email }: Contact): string {
  return [phone, email].filter(Boolean).join(' · ');
}

function locationOf({ city, region, country }: Contact): string {
  return [city, region, country && countryName(country)].filter(Boolean).join(', ') || '–';
}
