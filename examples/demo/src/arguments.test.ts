import { describe, expect, test } from 'vitest';
import { parseDemoArguments } from './arguments.ts';
import { SOURCE_NAMES } from './sources.ts';

describe(parseDemoArguments, () => {
  test('runs every source unless one is named', () => {
    expect(parseDemoArguments([])).toEqual({ type: 'run', json: false, sources: SOURCE_NAMES });
    const one = { type: 'run', json: true, sources: ['replication'] };
    expect(parseDemoArguments(['--source', 'replication', '--json'])).toEqual(one);
    expect(parseDemoArguments(['--json', '--source=replication'])).toEqual(one);
  });

  test('refuses what cannot be meant, in one sentence', () => {
    expect(parseDemoArguments(['--source', 'x'])).toMatchObject({
      type: 'wrong',
      message: expect.stringMatching(/^Expected `--source` to be one of replication.*got `x`\.$/),
    });
    expect(parseDemoArguments(['--source'])).toMatchObject({ type: 'wrong' });
    expect(parseDemoArguments(['--jsn'])).toEqual({
      type: 'wrong',
      message: 'Unknown option --jsn.',
    });
    expect(parseDemoArguments(['--help'])).toEqual({ type: 'help' });
  });
});
