import type { SqlExecutor } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { normalizeReplicationOptions } from '../normalize-options.ts';
import type { Decoder } from './decoder.ts';
import { decoderWarnings, pluginProblems, refusedPluginError } from './plugin-library.ts';

const { signal } = new AbortController();

async function problems(
  decoder: Decoder,
  setting: string | null,
  context = 'sighup',
): Promise<string> {
  const session = {
    query: async () => ({ rows: setting === null ? [] : [{ setting, context }] }),
  } as unknown as SqlExecutor;
  const found = await pluginProblems(session, decoder, [], { signal });
  return found.map(({ sql, what }) => `${what} ${sql}`).join('\n');
}

describe(pluginProblems, () => {
  test('the refusal of servers since August 2026 is explained with its SQL', async () => {
    expect(await problems('wal2json', 'pgoutput, test_decoding')).toMatch(
      /output_plugin_libraries lists only "pgoutput, test_decoding".*ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json; SELECT pg_reload_conf\(\);/,
    );
    expect(await problems('decoderbufs', '', 'postmaster')).toMatch(
      /ALTER SYSTEM SET output_plugin_libraries = decoderbufs; -- then restart/,
    );
    expect(await problems('wal2json', 'pgoutput, "wal2json"')).toBe('');
    // Older servers do not know the setting; pgoutput needs none.
    expect(await problems('wal2json', null)).toBe('');
    expect(await problems('pgoutput', '')).toBe('');
  });
});

describe(refusedPluginError, () => {
  const sql = (plugin: string): string =>
    `SELECT pg_catalog.pg_create_logical_replication_slot('s', '${plugin}');`;
  const may = { isReplicationRole: true, isSuperuser: false };

  test('a role that may replicate is told of the list, which only superusers see', () => {
    expect(refusedPluginError(sql('wal2json'), may, null)).toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringMatching(
        /does not let wal2json be used.*SHOW output_plugin_libraries/,
      ) as string,
    });
    expect(refusedPluginError(sql('pgoutput'), may, null)).toBeNull();
    const mayNot = { isReplicationRole: false, isSuperuser: false };
    expect(refusedPluginError(sql('wal2json'), mayNot, null)).toBeNull();
    expect(refusedPluginError('CREATE SCHEMA "wal2json"', may, null)).toBeNull();
  });
});

describe(decoderWarnings, () => {
  test('decoderbufs sends no TRUNCATE', () => {
    expect(decoderWarnings('decoderbufs')).toMatchObject([{ code: 'DECODER_NO_TRUNCATE' }]);
    expect(decoderWarnings('wal2json')).toEqual([]);
  });
});

describe('option decoder', () => {
  test.each<readonly [Decoder, object, string]>([
    ['wal2json', { streaming: true }, '`streaming`'],
    ['wal2json', { twoPhase: true }, '`twoPhase`'],
    ['wal2json', { origin: 'none' }, '`origin`'],
    ['wal2json', { schemas: ['s'] }, '`schemas`'],
    ['wal2json', { copy: true }, '`copy`'],
    [
      'wal2json',
      { tables: [{ schema: 'public', name: 't', columns: ['id'] }] },
      'columns or where in `tables`',
    ],
    ['decoderbufs', { messages: true }, '`messages`'],
    ['decoderbufs', { ddl: true }, '`ddl`'],
  ])('%s refuses %j', (decoder, options, named) => {
    expect(() =>
      normalizeReplicationOptions({
        connection: 'postgres://u@h/d',
        tables: ['t'],
        env: {},
        decoder,
        ...options,
      }),
    ).toThrow(`The option ${named} needs decoder: 'pgoutput'`);
  });
});
