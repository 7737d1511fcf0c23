import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { noncePlaceholder } from '../src/http/pages.ts'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  // the sources of the library, so that the pages need no build of it first
  resolve: { conditions: ['sallyport-src', 'module', 'browser', 'development|production'] },
  html: { cspNonce: noncePlaceholder },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // everything comes from /assets: the policy of the pages allows no data: scripts or fonts
    assetsInlineLimit: 0,
    // one script of about 515 kB (156 kB compressed): React, Mantine, zod and the client
    chunkSizeWarningLimit: 600,
  },
})
