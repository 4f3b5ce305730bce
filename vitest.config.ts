import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from 'vitest/config';

const majors: number[] = (process.env['PG_MAJORS'] ?? '14,15,16,17,18').split(',').map(Number);

const newest: number = Math.max(...majors);
const oldest: number = Math.min(...majors);

/** What speaks plain SQL to tables of its own: the oldest and the newest major say what there is to say. */
const plainSql: string[] = [
  'packages/verification/src/{audit,evidence,receipts,verifier,windows}/**',
  'test/audit/**',
  'test/{windows,payload-mode}.pg.test.ts',
];

const excluded: string[] = ['**/node_modules/**', '**/dist/**'];

/** A project on a real PostgreSQL, one server for all its files; started only when the project runs. */
function postgresProject(
  name: string,
  major: number,
  include: string[],
  testTimeout: number,
  { alsoExcluded = [], isolate = false }: { alsoExcluded?: string[]; isolate?: boolean } = {},
): TestProjectConfiguration {
  return {
    extends: true,
    test: {
      name,
      include,
      // Files share a process one after the other: a third of the time went into importing the same modules again.
      isolate,
      exclude: [...excluded, ...alsoExcluded],
      globalSetup: ['./packages/testing/src/vitest/global-setup.ts'],
      provide: { postgresMajor: major },
      testTimeout,
      hookTimeout: testTimeout,
    },
  };
}

// PG_MAJORS=17,18 chooses the majors; `--project pg-18` one project (or unit, alone, e2e).
const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    // Most of the time is spent waiting for servers.
    maxWorkers: 3,
    // What is waited for comes in milliseconds; only a machine that is busy with other work as well needs longer.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            '{packages,examples}/*/src/**/*.test.ts',
            'test/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          // `pnpm test` runs campaigns and packaging by themselves, after everything else.
          exclude: [
            ...excluded,
            '**/*.pg.test.ts',
            '**/*.e2e.test.ts',
            'test/{campaigns,packaging}/*.test.ts',
          ],
        },
      },
      ...majors.map((major) =>
        postgresProject(
          `pg-${major}`,
          major,
          ['{packages,examples}/*/src/**/*.pg.test.ts', 'test/**/*.pg.test.ts'],
          180_000,
          {
            alsoExcluded: [
              '**/*.alone.pg.test.ts',
              // What does not depend on the major is tested on the newest only.
              ...(major === newest ? [] : ['**/*.once.pg.test.ts']),
              ...(major === newest || major === oldest ? [] : plainSql),
            ],
          },
        ),
      ),
      // What measures its process or the growth of a table has both to itself.
      postgresProject(
        'alone',
        newest,
        ['{packages,examples}/*/src/**/*.alone.pg.test.ts'],
        180_000,
        {
          isolate: true,
        },
      ),
      postgresProject('e2e', newest, ['test/**/*.e2e.test.ts'], 600_000),
    ],
  },
});

export default config;
