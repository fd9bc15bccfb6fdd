import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { createBrowserRouter, Link, Outlet, useNavigate } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { type ApiError, ask } from './api/client';
import { ShopDocument, type ShopQuery } from './api/generated/graphql';
import { admitted, hasExplorer, signOut, token, whenRefused } from './api/session';
import { SignIn } from './SignIn';
import { pagesOf, SegmentsPage } from './segments/SegmentsPage';
import { Dialog } from './ui/Dialog';
import { Failed, Loading, Paused } from './ui/states';

const LIST = '/builder/';

/** The builder comes after the list, which is there sooner for it. */
const loadBuilder = () => import('./builder/BuilderPage');
const BuilderPage = lazy(async () => ({ default: (await loadBuilder()).BuilderPage }));
const SOON = 1_000;

/** Who is signed in, and to which shop; the pages come below. */
export function App(): ReactNode {
  const client = useQueryClient();
  const [signedIn, setSignedIn] = useState(token() !== null);
  const { data, error, refetch } = useQuery({
    queryKey: ['shop'],
    queryFn: ({ signal }) => ask(ShopDocument, {}, signal),
    enabled: signedIn,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

  useEffect(() => {
    // With the shop, not after it.
    if (signedIn && location.pathname === LIST) void client.prefetchInfiniteQuery(pagesOf());
  }, [client, signedIn]);
  const [refused, setRefused] = useState(false);
  useEffect(() => whenRefused(() => setRefused(true)), []);

  function leave(): void {
    signOut();
    client.clear();
    setSignedIn(false);
  }

  const expired = (error as ApiError | null)?.code === 'UNAUTHENTICATED';
  if (signedIn && data && !error) {
    return (
      <>
        <Paused />
        <Pages shop={data.shop} onSignOut={leave} />
        {refused && (
          <Dialog title="Your token is no longer valid" onClose={() => setRefused(false)}>
            <p>What you have not saved is still here. Sign in again to go on.</p>
            <SignIn
              onDone={() => {
                setRefused(false);
                void client.invalidateQueries();
                admitted();
              }}
            />
          </Dialog>
        )}
      </>
    );
  }
  return (
    <>
      <Paused />
      <Header
        home={(brand) => (
          <a href={LIST} className="brand">
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
                void client.resetQueries();
                setSignedIn(true);
              }}
            />
          </div>
        ) : error ? (
          <Failed error={error as ApiError} onRetry={() => refetch()} />
        ) : (
          <Loading />
        )}
      </main>
    </>
  );
}

interface HeaderProps {
  shop?: string;
  /** The brand's element, which leads to the list. */
  home: (brand: ReactNode) => ReactNode;
  children: ReactNode;
}

function Header({ shop, home, children }: HeaderProps): ReactNode {
  return (
    <header>
      {home(
        <>
          <img src="/builder/icon.svg" alt="" width="24" height="24" /> Segments
        </>,
      )}
      {shop !== undefined && <span className="shop">{shop}</span>}
      {hasExplorer() && <a href="/graphiql">API</a>}
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
              // One element for both, so that what was new stays as it is when it gets its address.
              element: <BuilderPage shop={shop} />,
              children: [{ path: '/new' }, { path: '/segments/:id' }],
            },
            {
              path: '*',
              element: (
                <div className="panel">
                  <h1>Not found</h1>
                  <p>
                    There is no such page. <Link to="/">All segments</Link>
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
    const timer = setTimeout(() => void loadBuilder(), SOON);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <Header
        shop={shop.name}
        home={(brand) => (
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

/** An address, so that who has not saved is asked before leaving for it. */
function SignOut({ onDone }: { onDone(): void }): ReactNode {
  const navigate = useNavigate();
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useEffect(() => {
    void navigate('/', { replace: true });
    onDone();
  }, []);
  return null;
}
