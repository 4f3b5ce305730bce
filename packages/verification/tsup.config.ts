import type { Options } from 'tsup';

const config: Options = {
  entry: { index: 'src/index.ts', cli: 'src/evidence/cli.ts' },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  clean: true,
  target: 'node20',
};

export default config;
