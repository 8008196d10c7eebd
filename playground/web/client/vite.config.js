import { defineConfig } from 'vite'

// Beside the Python that serves it, so that the wheel carries it.
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    outDir: '../built',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
})
