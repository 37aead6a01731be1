import { defineConfig } from 'vite';

export default defineConfig({
  // The server answers `/` and `/app` with the pages and `/playground/` with everything they load.
  base: '/playground/',
  build: {
    // Files of their own instead of `data:` in scripts and styles.
    assetsInlineLimit: 0,
    // Monaco is large, whatever one does.
    chunkSizeWarningLimit: 8000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['index.html', 'app.html'],
      // "use client" says nothing here: there is no server that renders.
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
  worker: { format: 'es' },
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8000', ws: true } } },
});
