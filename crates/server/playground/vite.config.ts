import { defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that a proxy can put the pages behind a path prefix. The server answers `/graphiql` and
  // `/app` with the pages and `playground/` beside them with everything they load.
  base: './',
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `playground/${file}` : { relative: true }),
  },
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
