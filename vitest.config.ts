import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The suites import the package by its public name; the e2e matrix sets FANOUT_ENTRY to test an installed build.
const entry = process.env.FANOUT_ENTRY ?? fileURLToPath(new URL('lib/index.ts', import.meta.url));

export default defineConfig({
  resolve: { alias: { 'nestjs-fanout': entry } },
  // The usual list lacks .cts, the ending of files that are CommonJS in both builds.
  oxc: { include: /\.(?:[cm]?ts|[jt]sx)$/ },
  test: {
    // Most of a test is waiting for sockets: on two cores one worker would leave one of them idle.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.spec.ts'], testTimeout: 30_000 } },
      {
        extends: true,
        test: {
          name: 'e2e', // Attacks that run on every version of Nest, and over TLS, are of this project too.
          include: ['test/e2e/**/*.spec.ts', 'test/attacks/portable/**/*.spec.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: { name: 'simulator', include: ['test/simulator/**/*.spec.ts'], testTimeout: 300_000 },
      },
      {
        extends: true,
        test: {
          name: 'attacks',
          include: ['test/attacks/*.spec.ts'],
          globalSetup: 'test/support/attacks/global-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.spec.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: 'test/tsconfig.json',
          },
        },
      },
    ],
  },
});
