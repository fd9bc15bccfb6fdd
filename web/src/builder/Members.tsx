/** The first members of the rule, page by page, with what the criteria found of each. */

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Fragment, type ReactNode, useState } from 'react';
import { type ApiError, ask } from '../api/client';
import { MembersDocument, type MembersQuery, type RuleInput } from '../api/generated/graphql';
import { type Criteria, operatorOf } from '../rule/metadata';
import { type Draft, type Group, isGroup, pathKey, type Row, sameRule } from '../rule/rule';
import { countryName, inDays, inNumbers } from '../rule/words';
import { useEditor } from './context';
import { Why } from './Why';

type Edge = MembersQuery['segmentMembers']['edges'][number];
type Member = Edge['node'];

/** How many members a page has; the document says the same. */
const PAGE = 10;

/** How many criteria get a column; "Why?" tells of all. */
const MAX_COLUMNS = 6;

/** The cursors of the pages up to the one that is shown, of a rule. */
interface Turned {
  asked: string;
  pages: readonly (string | null)[];
}

const FIRST: readonly (string | null)[] = [null];

interface Column {
  path: string;
  label: string;
  /** How the criterion compares. */
  compared: string;
}

export function Members({ root }: { root: Group }): ReactNode {
  const { criteria, draft, shop, size } = useEditor();
  // Not at the first key of a change, but once the size is of the rule as it is.
  const ready = !size.pending && !size.error && size.of !== null && sameRule(size.of, draft.rule);
  const { rule } = draft;
  const asked = JSON.stringify(rule);
  const [turned, setTurned] = useState<Turned>({ asked, pages: FIRST });
  const [explained, setExplained] = useState<string | null>(null);
  // Another rule begins at its first page.
  const pages = turned.asked === asked ? turned.pages : FIRST;
  const setPages = (turnedTo: readonly (string | null)[]) => setTurned({ asked, pages: turnedTo });
  const after = pages.at(-1) ?? null;
  const { data, error, isPlaceholderData, isFetching, refetch } = useQuery({
    // With the instant of the size, so that the list changes when the size does.
    queryKey: ['members', asked, after, size.size?.asOf],
    queryFn: async ({ signal }) => {
      const variables = { rule: rule as RuleInput, after };
      const { segmentMembers } = await ask(MembersDocument, variables, signal);
      const columns = columnsOf(root, draft, criteria);
      return { rule, list: segmentMembers, columns };
    },
    enabled: ready,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });
  if (size.error) {
    return (
      <Panel busy={false}>
        <p className="hint">Unavailable while there is no size.</p>
      </Panel>
    );
  }
  if (error) {
    return (
      <Panel busy={isFetching}>
        <p className="problem">Unavailable: {(error as ApiError).message}</p>
        {!(error as ApiError).lasting && (
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
        <p className="hint">Looking…</p>
      </Panel>
    );
  }
  const { list, columns } = data;
  if (list.edges.length === 0) {
    return (
      <Panel busy={isFetching}>
        <p className="empty">Nobody matches this rule.</p>
      </Panel>
    );
  }
  const first = (pages.length - 1) * PAGE;
  return (
    <Panel busy={isFetching}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
      <section className="scroll" tabIndex={0} aria-label="The members, a page of them">
        <table className={isPlaceholderData || !ready ? 'pending' : ''}>
          <thead>
            <tr>
              <th scope="col">Member</th>
              {columns.map(({ path, label, compared }) => (
                <th key={path} scope="col">
                  {label}
                  <span className="hint">{compared}</span>
                </th>
              ))}
              <th scope="col">Where</th>
              <th scope="col">Subscribed</th>
              <th scope="col">
                <span className="visually-hidden">Explanation</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.edges.map((edge) => (
              <Fragment key={edge.node.id}>
                <tr>
                  <th scope="row">
                    {nameOf(edge.node)}
                    <span className="hint">{reach(edge.node)}</span>
                  </th>
                  {columns.map(({ path }) => (
                    <Cell key={path} edge={edge} path={path} />
                  ))}
                  <td>{where(edge.node)}</td>
                  <td>
                    {edge.node.subscribedAt ? inDays(edge.node.subscribedAt, shop.timezone) : '–'}
                  </td>
                  <td>
                    <button
                      type="button"
                      className="link"
                      aria-expanded={explained === edge.node.id}
                      aria-label={`Why is ${nameOf(edge.node)} in it?`}
                      onClick={() => setExplained(explained === edge.node.id ? null : edge.node.id)}
                    >
                      Why?
                    </button>
                  </td>
                </tr>
                {explained === edge.node.id && (
                  <tr>
                    <td colSpan={columns.length + 4}>
                      <Why rule={data.rule} contactId={edge.node.id} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </section>
      <nav className="pages" aria-label="Pages of members">
        <button
          type="button"
          aria-disabled={pages.length === 1 || undefined}
          onClick={() => pages.length > 1 && setPages(pages.slice(0, -1))}
        >
          Previous
        </button>
        <span>
          {inNumbers(first + 1)} to {inNumbers(first + list.edges.length)} of{' '}
          {inNumbers(list.totalCount)}
        </span>
        <button
          type="button"
          aria-disabled={!list.pageInfo.hasNextPage || undefined}
          onClick={() => list.pageInfo.hasNextPage && setPages([...pages, list.pageInfo.endCursor])}
        >
          Next
        </button>
      </nav>
    </Panel>
  );
}

function Panel({ busy, children }: { busy: boolean; children: ReactNode }): ReactNode {
  return (
    <section className="panel members" aria-labelledby="members-heading" aria-busy={busy}>
      <h2 id="members-heading">Members</h2>
      {children}
    </section>
  );
}

/** What a criterion found of a member: the value that it compared, else whether it matches. */
function Cell({ edge, path }: { edge: Edge; path: string }): ReactNode {
  const part = edge.explanation?.parts.find((each) => pathKey(each.path) === path);
  if (!part) return <td>–</td>;
  return (
    <td className={part.matches ? '' : 'unmatched'}>
      {part.measured ?? (part.matches ? 'Yes' : 'No')}
    </td>
  );
}

/** The criteria that count, from the first row on. */
function columnsOf(root: Group, draft: Draft, criteria: Criteria): Column[] {
  return rowsOf(root)
    .flatMap((row) => {
      const path = draft.paths.get(row.id);
      const criterion = criteria.get(row.field);
      if (path === undefined || !criterion) return [];
      const compared = operatorOf(criterion, row.operator)?.label ?? '';
      return [{ path, label: criterion.label, compared }];
    })
    .slice(0, MAX_COLUMNS);
}

function rowsOf(group: Group): Row[] {
  return group.rules.flatMap((node) => (isGroup(node) ? rowsOf(node) : [node]));
}

function nameOf({ firstName, lastName, sourceId }: Member): string {
  return [firstName, lastName].filter(Boolean).join(' ') || `Contact ${sourceId}`;
}

function reach({ phone, email }: Member): string {
  return [phone, email].filter(Boolean).join(' · ');
}

function where({ city, region, country }: Member): string {
  return [city, region, country && countryName(country)].filter(Boolean).join(', ') || '–';
}
