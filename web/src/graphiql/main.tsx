import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { loadConfig, token } from '../api/session';
import { examples } from './examples';
import { createFetcher } from './fetcher';
import './graphiql.css';
import { createStorage } from './storage';

// Without the configuration the user can still enter a token.
await loadConfig().catch(() => undefined);

const signedIn = token();
const headers = { Authorization: `Bearer ${signedIn ?? 'seg_...'}` };
const headersText = JSON.stringify(headers, null, 2);
const tabs = examples.map((example) => ({ ...example, headers: headersText }));
const fetcher = createFetcher(headers);
const storage = createStorage();

function Explorer(): ReactNode {
  return (
    <>
      <header>
        <a href="/builder/" className="brand">
          <img src="/builder/icon.svg" alt="" width="24" height="24" /> Segments
        </a>
        <h1>Explore the API</h1>
        {signedIn !== null ? (
          <p>
            Three examples to run. Your token is filled in under <b>Headers</b>, below the query.
          </p>
        ) : (
          <p role="alert">
            You need a token. <a href="/builder/">Sign in</a> in this tab, or create one with{' '}
            <code>segments token create --shop NAME</code>, enter it under <b>Headers</b> below the
            query, and re-fetch the schema (bottom left).
          </p>
        )}
        <a href="/builder/">Segment builder</a>
      </header>
      <main>
        <GraphiQL
          fetcher={fetcher}
          storage={storage}
          shouldPersistHeaders={false}
          defaultTabs={tabs}
          defaultHeaders={headersText}
          // GraphiQL does not show the first tab's own variables.
          variables={examples[0].variables}
          defaultEditorToolsVisibility={signedIn !== null ? 'variables' : 'headers'}
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <Explorer />
  </StrictMode>,
);
