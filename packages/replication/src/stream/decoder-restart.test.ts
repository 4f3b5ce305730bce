import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceConnectionError } from '@certyo-cdc/core';
import { createTypeRegistry } from '@certyo-cdc/postgres';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as message from '../testing/messages.ts';
import { ChangeReader } from './change-reader.ts';
import { OpenTransaction } from './open-transaction.ts';
import { RelationResolver } from './relation-resolver.ts';
import { SpoolFolder } from './spool.ts';
import { StreamDecoder, type StreamDecoderOptions } from './stream-decoder.ts';

const OID = 100;
const COLUMNS = [
  { name: 'id', type: 23, key: true },
  { name: 'v', type: 25 },
];
const T = message.relation(OID, COLUMNS);
const SOURCE = { kind: 'replication', name: 'x', systemIdentifier: '1' } as const;

const resolver = (): RelationResolver =>
  new RelationResolver({
    database: 'd',
    keyOf: () => null,
    includeGenerated: false,
    types: createTypeRegistry(),
    query: async () => [],
  });

function newDecoder(
  more: Pick<StreamDecoderOptions, 'position' | 'readFrom' | 'spool'>,
): StreamDecoder {
  return new StreamDecoder({
    source: SOURCE,
    epochOf: () => 1,
    known: new Map(),
    isCaptured: () => true,
    wantsMessage: () => true,
    ddlPrefix: null,
    onRelationRepeated: async () => undefined,
    resolver: resolver(),
    ...more,
  });
}

const stream = (...messages: readonly Buffer[]): Buffer =>
  Buffer.concat(messages.map((body) => message.xlogData(body)));
const row = (id: number): Buffer => message.insert(OID, [String(id), 'x']);

describe(StreamDecoder, () => {
  /** With twoPhase reading begins before the position, as long as something is prepared. */
  test('R-24: a connection that is lost within a transaction that is only read once more does not stop the stream', async () => {
    const decoder = newDecoder({ position: 60n, readFrom: 10n, spool: null });
    const delivered = [message.begin(50n), T, row(0), row(1), message.commit(50n, 60n)];
    const next = [message.begin(70n, 8), row(2), message.commit(70n, 80n)];
    await decoder.decode(stream(...delivered.slice(0, 3)), 0);
    expect(await decoder.beginSession(decoder.committedTo)).toBe(10n);
    const { error, events } = await decoder.decode(stream(...delivered, ...next), 0);
    expect(error).toBeNull();
    expect(events).toHaveLength(1);
  });

  /** What was prepared before the slot, or before it had two_phase: the server sends it whole at COMMIT PREPARED. */
  test('R-24: what was prepared before reading began does not pull the place to read from before what the slot was told', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'certyo-spool-test-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const spool = new SpoolFolder({ directory, maxBytes: 1_000_000 }, 'x');
    const decoder = newDecoder({ position: 100n, readFrom: 100n, spool });
    const { int32, int64, letter } = message;
    const named = Buffer.concat([
      int64(50n),
      int64(60n),
      int64(0n),
      int32(7),
      message.cString('g'),
    ]);
    const { error } = await decoder.decode(
      stream(
        message.begin(110n, 8),
        T,
        row(1),
        message.commit(110n, 120n),
        Buffer.concat([letter('b'), named]),
        T,
        row(2),
        Buffer.concat([letter('P\0'), named]),
      ),
      0,
    );
    expect(error).toBeNull();
    expect(decoder.isInTransaction).toBe(false);
    // The checkpoint of 120 says to read from here; the slot stands at 100 at least.
    expect(decoder.readFrom(120n)).toBeGreaterThanOrEqual(100n);
    await decoder.close();
  });

  /** A replay goes on at the message that failed, so a message must not be half told. */
  test('I4: a TRUNCATE of several tables that meets a lost connection on the way is told once', async () => {
    let isDown = true;
    const isCaptured = async (): Promise<boolean> => {
      if (isDown) throw new SourceConnectionError('SOURCE_UNREACHABLE', 'gone');
      return true;
    };
    const relationOf = (oid: number, name: string) => ({
      oid,
      schema: 'public',
      name,
      replicaIdentity: 'd' as const,
      columns: COLUMNS.map(({ name: column, type, key }) => ({
        name: column,
        typeOid: type,
        typeModifier: -1,
        inIdentity: key === true,
      })),
    });
    const reader = new ChangeReader({
      source: SOURCE,
      resolver: resolver(),
      isCaptured: (relation) => (relation.oid === OID ? true : isCaptured()),
      onRelationRepeated: async () => undefined,
      wantsMessage: () => true,
      ddlPrefix: null,
      known: new Map(),
    });
    const transaction = new OpenTransaction(
      { commitLsn: 50n, xid: 7, committedAt: 0n },
      { systemIdentifier: '1', epoch: 1 },
    );
    await reader.relation(relationOf(OID, 't'), transaction);
    // As one that was described in a subtransaction that was rolled back.
    reader.undoneRelation(relationOf(OID + 1, 'u'));
    const body = message.truncate([OID, OID + 1]);
    const bytes = message.xlogData(body);
    const where = { bytes, at: bytes.length - body.length, end: bytes.length, lsnAt: 6 };
    const events: Parameters<ChangeReader['truncate']>[2] = [];
    await expect(reader.truncate(where, transaction, events)).rejects.toThrow('gone');
    isDown = false;
    await reader.truncate(where, transaction, events);
    expect(events.map(({ id }) => id)).toEqual([
      expect.stringMatching(/t\/1$/),
      expect.stringMatching(/u\/1$/),
    ]);
  });
});
