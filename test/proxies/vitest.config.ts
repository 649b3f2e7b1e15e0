import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The built package behind real proxies. Apart from the other projects, because it needs programs of the system.
export default defineConfig({
  resolve: {
    alias: { 'nestjs-fanout': fileURLToPath(new URL('../../dist/index.js', import.meta.url)) },
  },
  test: {
    name: 'proxies',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/proxies/**/*.spec.ts'],
    // Nearly all of a test is waiting for a timeout of a proxy.
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
