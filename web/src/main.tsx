import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import type { ApiError } from './api/client';
import { begin } from './api/session';

const client = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 3 && !(error as ApiError).lasting },
  },
});
// What a value is called is looked up once.
client.setQueryDefaults(['label'], { gcTime: Number.POSITIVE_INFINITY });

// Without the server's word, somebody can still sign in.
await begin().catch(() => undefined);

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
