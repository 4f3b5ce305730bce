import { defineConfig, type ViteUserConfig } from 'vitest/config';

// One at a time: a campaign measures what happens under load that it makes itself.
const config: ViteUserConfig = defineConfig({
  test: {
    name: 'campaigns',
    include: ['test/campaigns/*.test.ts'],
    testTimeout: 600_000,
    fileParallelism: false,
    // How fast a copy is, `pnpm campaign first-copy` says.
    env: {
      FIRST_COPY_ROWS: '2000000',
      FIRST_COPY_LEAST_RATIO: '0',
      WRITE_BACK_ROWS: '500',
    },
  },
});

export default config;
