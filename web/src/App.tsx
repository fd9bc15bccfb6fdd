import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { createBrowserRouter, Link, Outlet } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { type ApiError, ask } from './api/client';
import { ShopDocument, type ShopQuery } from './api/generated/graphql';
import { signOut, token } from './api/session';
import { BuilderPage } from './builder/BuilderPage';
import { SignIn } from './SignIn';
import { SegmentsPage } from './segments/SegmentsPage';
import { Failed, Loading } from './ui/states';

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

  function leave(): void {
    signOut();
    client.clear();
    setSignedIn(false);
  }

  const expired = (error as ApiError | null)?.code === 'UNAUTHENTICATED';
  return (
    <>
      <header>
        <a href="/builder/" className="brand">
          <img src="/builder/icon.svg" alt="" width="24" height="24" /> Segments
        </a>
        {data && <span className="shop">{data.shop.name}</span>}
        <a href="/graphiql">API</a>
        {signedIn && !expired && (
          <button type="button" className="link" onClick={leave}>
            Sign out
          </button>
        )}
      </header>
      <main>
        {!signedIn || expired ? (
          <SignIn
            onDone={() => {
              void client.resetQueries();
              setSignedIn(true);
            }}
          />
        ) : error ? (
          <Failed error={error as ApiError} onRetry={() => refetch()} />
        ) : data ? (
          <Pages shop={data.shop} />
        ) : (
          <Loading />
        )}
      </main>
    </>
  );
}

function Pages({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const [router] = useState(() =>
    createBrowserRouter(
      [
        {
          element: <Outlet />,
          children: [
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
