import { defineConfig, type ViteUserConfig } from 'vitest/config';

// One at a time: a campaign measures what happens under load that it makes itself.
const config: ViteUserConfig = defineConfig({
  test: {
    name: 'campaigns',
    include: ['test/campaigns/*.test.ts'],
    testTimeout: 600_000,
    fileParallelism: false,
  },
});

export default config;
