import type { Options } from 'tsup';

const config: Options = {
  entry: {
    index: 'src/index.ts',
    vitest: 'src/vitest/index.ts',
    'vitest-setup': 'src/vitest/global-setup.ts',
    cli: 'src/certyo/cli.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  clean: true,
  target: 'node20',
  // For import.meta.url in the CJS build.
  shims: true,
};

export default config;
