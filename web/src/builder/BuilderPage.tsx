import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useLocation, useNavigationType, useParams, useSearchParams } from 'react-router';
import { type ApiError, execute } from '../api/client';
import { CriteriaDocument, type ShopQuery } from '../api/generated/graphql';
import { LoadError, Loading } from '../ui/states';
import { Builder, type NavigationState } from './Builder';
import { type InitialSegment, useInitialSegment } from './useInitialSegment';

/** Opens the segment that the URL names, unless the navigation keeps the current editor. */
export function BuilderPage({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const { key, state } = useLocation();
  const { id } = useParams();
  const template = useSearchParams()[0].get('template');
  const target = { key, id, template };
  const [opened, setOpened] = useState({ visit: 0, ...target });
  // Going back restores an old `keepEditor`; ignore it.
  const keepEditor = useNavigationType() !== 'POP' && (state as NavigationState | null)?.keepEditor;
  if (opened.key !== key) {
    setOpened(keepEditor ? { ...opened, key } : { visit: opened.visit + 1, ...target });
  }
  // A page that is mounted again counts visits from 0, so the key also names what is opened.
  const visitKey = `${opened.visit} ${opened.id} ${opened.template}`;
  return (
    <Loader
      key={opened.visit}
      shop={shop}
      visitKey={visitKey}
      id={opened.id}
      template={opened.template}
    />
  );
}

interface LoaderProps {
  shop: ShopQuery['shop'];
  visitKey: string;
  id: string | undefined;
  template: string | null;
}

function Loader({ shop, visitKey, id, template }: LoaderProps): ReactNode {
  const criteria = useQuery({
    queryKey: ['criteria'],
    queryFn: async ({ signal }) => {
      const found = await execute(CriteriaDocument, {}, signal);
      return new Map(found.criteria.map((criterion) => [criterion.key, criterion]));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const fetched = useInitialSegment(visitKey, id, template);
  // Set when the user drops their edits and takes the version that someone else saved.
  const [theirs, setTheirs] = useState<InitialSegment | null>(null);
  const initial = theirs ?? fetched.data;
  const error = criteria.error ?? fetched.error;
  if (error) {
    const retry = () => Promise.all([criteria.refetch(), fetched.refetch()]);
    return <LoadError error={error as ApiError} byUrl={!criteria.error} onRetry={retry} />;
  }
  if (!criteria.data || !initial) return <Loading />;
  return (
    <Builder
      key={`${initial.saved?.id} ${initial.saved?.version}`}
      shop={shop}
      criteria={criteria.data}
      initial={initial}
      onUseTheirs={setTheirs}
    />
  );
}
