import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { signInToDemo } from './api/session';

const client = new QueryClient();
// What a value is called is looked up once.
client.setQueryDefaults(['label'], { gcTime: Number.POSITIVE_INFINITY });

// Without the server's word on the demo, somebody can still sign in.
await signInToDemo().catch(() => undefined);

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
