import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import type { ApiError } from './api/client';
import { loadConfig } from './api/session';

const client = new QueryClient({
  defaultOptions: {
    queries: { retry: (failures, error) => failures < 3 && !(error as ApiError).permanent },
  },
});
// Labels of values are kept for as long as the page is open.
client.setQueryDefaults(['label'], { gcTime: Number.POSITIVE_INFINITY });

// Without the configuration the user can still sign in.
await loadConfig().catch(() => undefined);

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
