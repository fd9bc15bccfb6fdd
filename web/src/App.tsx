import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { createBrowserRouter, Link, Outlet, useNavigate } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { type ApiError, execute } from './api/client';
import { ShopDocument, type ShopQuery } from './api/generated/graphql';
import { hasGraphiQL, notifyTokenRenewed, onTokenRejected, signOut, token } from './api/session';
import { SignIn } from './SignIn';
import { SegmentsPage, segmentPages } from './segments/SegmentsPage';
import { Dialog } from './ui/Dialog';
import { LoadError, Loading, PauseNotice } from './ui/states';

const HOME = '/builder/';

// The builder is a chunk of its own, so that the list appears sooner.
const loadBuilder = () => import('./builder/BuilderPage');
const BuilderPage = lazy(async () => ({ default: (await loadBuilder()).BuilderPage }));

/** Milliseconds before the builder's chunk is loaded in advance. */
const PRELOAD_DELAY = 1_000;

/** The page of a signed-in user, or the form to sign in. */
export function App(): ReactNode {
  const client = useQueryClient();
  const [signedIn, setSignedIn] = useState(token() !== null);
  const [rejected, setRejected] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ['shop'],
    queryFn: ({ signal }) => execute(ShopDocument, {}, signal),
    enabled: signedIn,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

  useEffect(() => {
    // Together with the shop, not after it.
    if (signedIn && location.pathname === HOME) void client.prefetchInfiniteQuery(segmentPages());
  }, [client, signedIn]);
  useEffect(() => onTokenRejected(() => setRejected(true)), []);

  function leave(): void {
    signOut();
    client.clear();
    setSignedIn(false);
  }

  const expired = (error as ApiError | null)?.code === 'UNAUTHENTICATED';
  if (signedIn && data && !error) {
    return (
      <>
        <PauseNotice />
        <Pages shop={data.shop} onSignOut={leave} />
        {rejected && (
          <Dialog title="Your token is no longer valid" onClose={() => setRejected(false)}>
            <p>Sign in again to continue. Your unsaved changes are still here.</p>
            <SignIn
              onDone={() => {
                setRejected(false);
                void client.invalidateQueries();
                notifyTokenRenewed();
              }}
            />
          </Dialog>
        )}
      </>
    );
  }
  return (
    <>
      <PauseNotice />
      <Header
        homeLink={(brand) => (
          <a href={HOME} className="brand">
            {brand}
          </a>
        )}
      >
        {signedIn && !expired && (
          <button type="button" className="link" onClick={leave}>
            Sign out
          </button>
        )}
      </Header>
      <main>
        {!signedIn || expired ? (
          <div className="panel">
            <h1>Sign in</h1>
            <SignIn
              onDone={() => {
                setRejected(false);
                void client.resetQueries();
                setSignedIn(true);
              }}
            />
          </div>
        ) : error ? (
          <LoadError error={error as ApiError} onRetry={() => refetch()} />
        ) : (
          <Loading />
        )}
      </main>
    </>
  );
}

interface HeaderProps {
  shop?: string;
  /** Renders the brand as a link to the list. */
  homeLink: (brand: ReactNode) => ReactNode;
  children: ReactNode;
}

function Header({ shop, homeLink, children }: HeaderProps): ReactNode {
  return (
    <header>
      {homeLink(
        <>
          <img src="/builder/icon.svg" alt="" width="24" height="24" /> Segments
        </>,
      )}
      {shop !== undefined && <span className="shop">{shop}</span>}
      {hasGraphiQL() && <a href="/graphiql">API</a>}
      {children}
    </header>
  );
}

interface PagesProps {
  shop: ShopQuery['shop'];
  onSignOut(): void;
}

function Pages({ shop, onSignOut }: PagesProps): ReactNode {
  const [router] = useState(() =>
    createBrowserRouter(
      [
        {
          element: <Layout shop={shop} />,
          children: [
            { path: '/sign-out', element: <SignOut onDone={onSignOut} /> },
            { path: '/', element: <SegmentsPage shop={shop} /> },
            {
              // One element for both: a new segment keeps its state when saving gives it a URL.
              element: <BuilderPage shop={shop} />,
              children: [{ path: '/new' }, { path: '/segments/:id' }],
            },
            {
              path: '*',
              element: (
                <div className="panel">
                  <h1>Not found</h1>
                  <p>
                    This page doesn't exist. <Link to="/">All segments</Link>
                  </p>
                </div>
              ),
            },
          ],
        },
      ],
      { basename: '/builder' },
    ),
  );
  return <RouterProvider router={router} />;
}

function Layout({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  useEffect(() => {
    const timer = setTimeout(() => void loadBuilder(), PRELOAD_DELAY);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <Header
        shop={shop.name}
        homeLink={(brand) => (
          <Link to="/" className="brand">
            {brand}
          </Link>
        )}
      >
        <Link to="/sign-out">Sign out</Link>
      </Header>
      <main>
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
    </>
  );
}

/** Signing out has a URL, so that leaving the builder for it asks about unsaved changes. */
function SignOut({ onDone }: { onDone(): void }): ReactNode {
  const navigate = useNavigate();
  // biome-ignore lint/correctness/useExhaustiveDependencies: run once
  useEffect(() => {
    void navigate('/', { replace: true });
    onDone();
  }, []);
  return null;
}
