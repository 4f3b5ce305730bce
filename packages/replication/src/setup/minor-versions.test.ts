import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { minorVersionWarnings, SERVER_DEFECTS, serverDefects } from './minor-versions.ts';

const codes = (versionNumber: number): string[] =>
  serverDefects(versionNumber).map(({ code }) => code);

describe(serverDefects, () => {
  test.each([
    [140_017, 4],
    [140_018, 3],
    [150_013, 3],
    [150_014, 2],
    [150_020, 0],
    [170_004, 4],
    [170_012, 0],
    [180_000, 2],
    [180_006, 0],
    [190_000, 0],
    // 13 ended before the newest of them was fixed.
    [130_022, 2],
    [120_022, 4],
  ])('R-18, R-32, S-08: %i has %i', (versionNumber, count) => {
    expect(codes(versionNumber)).toHaveLength(count);
  });

  test('the warning names them, and the version without them', () => {
    expect(minorVersionWarnings({ versionNumber: 150_013, version: '15.13' })).toEqual([
      {
        code: 'SERVER_DEFECTS',
        message: expect.stringMatching(
          /^PostgreSQL 15\.13 has .* 15\.20 has not \(INVALID/,
        ) as string,
      },
    ]);
    expect(minorVersionWarnings({ versionNumber: 120_022, version: '12.22' })[0]?.message).toMatch(
      /newer majors do not have/,
    );
    expect(minorVersionWarnings({ versionNumber: 180_006, version: '18.6' })).toEqual([]);
  });

  test('docs/server-versions.md is current', async () => {
    const majors = [13, 14, 15, 16, 17, 18];
    const rows = SERVER_DEFECTS.map(
      ({ code, what, fixedIn }) =>
        `| \`${code}\` | ${majors
          .map((major) => {
            const newest = Math.max(...Object.keys(fixedIn).map(Number));
            if (major > newest) return 'never had it';
            return fixedIn[major] === undefined ? 'not fixed' : `${major}.${fixedIn[major]}`;
          })
          .join(' | ')} | ${what} |`,
    );
    const text = [
      '# Server versions',
      '',
      'Defects of PostgreSQL that can lose or falsify captured changes, and the first minor version of each major without them.',
      'A source over replication warns at its start (`SERVER_DEFECTS`) when the server still has one. Use the newest minor version.',
      '',
      `| defect | ${majors.join(' | ')} | what |`,
      `| --- | ${majors.map(() => '---').join(' | ')} | --- |`,
      ...rows,
      '',
      'This file is made from `SERVER_DEFECTS` of `packages/replication`.',
      '',
    ].join('\n');
    const file = fileURLToPath(new URL('../../../../docs/server-versions.md', import.meta.url));
    await expect(text).toMatchFileSnapshot(file);
  });
});
