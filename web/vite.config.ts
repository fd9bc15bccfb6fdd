import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The Python package contains the built bundle and serves it at /builder/.
export default defineConfig({
  base: '/builder/',
  plugins: [react()],
  resolve: {
    alias: { 'react-style-singleton': `${import.meta.dirname}/src/graphiql/noStyles.ts` },
  },
  css: {
    postcss: {
      plugins: [
        // GraphiQL's style sheet embeds 300 kB of fonts; the page uses the system's instead.
        { postcssPlugin: 'no-fonts', AtRule: { 'font-face': (rule) => void rule.remove() } },
      ],
    },
  },
  build: {
    outDir: '../graphql_app/builder',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      input: ['index.html', 'graphiql.html'],
      checks: { moduleLevelDirective: false },
    },
  },
  server: {
    proxy: {
      '/graphql': { target: 'http://127.0.0.1:8000', ws: true },
      '/builder/config.json': 'http://127.0.0.1:8000',
    },
  },
  test: { include: ['src/**/*.test.ts'] },
});
