import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Tests live in tests/viewer and find packages here.
export default defineConfig({
  root: here('../..'),
  resolve: { alias: { '#viewer': here('src'), 'playwright-core': here('node_modules/playwright-core'), vitest: here('node_modules/vitest') } },
  test: {
    include: ['tests/viewer/**/*.test.ts'],
    cache: false,
    expect: { poll: { timeout: 20000 } },
    testTimeout: 60000,
    hookTimeout: 60000,
    fileParallelism: false,
  },
});
