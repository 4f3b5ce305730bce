import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    name: 'packaging',
    include: ['test/packaging/*.test.ts'],
    globalSetup: ['./test/packaging/setup/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});

export default config;
