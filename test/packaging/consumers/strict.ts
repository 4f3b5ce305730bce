// Compiled as strict.mts and as strict.cts.
// What a user with strict settings writes: a source, a sink and a checkpoint store of their own, by the contracts only.
import {
  CdcError,
  createPipeline,
  type ChangeBatch,
  type ChangeSource,
  type ChangeStream,
  type Checkpoint,
  type CheckpointStore,
  type JsonRow,
  type Pipeline,
  type PipelineEvent,
  type Position,
  type Prepared,
  type RowChange,
  type RowOperation,
  type Sink,
  type StoredCheckpoint,
  type Verdict,
} from '@certyo-cdc/core';

function change(operation: RowOperation, n: number): RowChange {
  const row: JsonRow = { id: 1, name: `row ${n}` };
  return {
    operation,
    id: `event-${n}`,
    version: `0001-${n}`,
    table: {
      database: 'own',
      schema: 'public',
      name: 'rows',
      oid: 1,
      columns: [{ name: 'id', typeOid: 23, typeName: 'integer', isKey: true, nullable: false }],
    },
    key: { id: 1 },
    previousKey: null,
    before: operation === 'insert' ? null : row,
    after: operation === 'delete' ? null : row,
    unavailable: [],
    transaction: null,
    source: { kind: 'memory', name: 'own', systemIdentifier: null },
    canonicalRow: () => JSON.stringify(row),
    toJSON: () => ({ operation, id: `event-${n}` }),
  };
}

class OwnStream implements ChangeStream {
  #acknowledge: () => void = () => {};
  #dispose: () => void = () => {};
  readonly acknowledged: Promise<void> = new Promise((resolve) => {
    this.#acknowledge = resolve;
  });
  readonly disposed: Promise<void> = new Promise((resolve) => {
    this.#dispose = resolve;
  });

  async *[Symbol.asyncIterator](): AsyncGenerator<ChangeBatch, void, undefined> {
    const events = (['insert', 'update', 'delete'] as const).map((name, n) => change(name, n));
    yield { events, bytes: 100, end: '3' as Position };
    await this.disposed;
  }

  checkpoint(end: Position): Checkpoint {
    return { kind: 'memory', identity: { name: 'own' }, position: end, epoch: 1, state: null };
  }

  acknowledge(end: Position): Promise<void> {
    if (end === '3') {
      this.#acknowledge();
    }
    return Promise.resolve();
  }

  lag(): Promise<{ bytes: number | null; ms: number | null }> {
    return Promise.resolve({ bytes: 0, ms: null });
  }

  caughtUp(): Promise<void> {
    return this.acknowledged;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#dispose();
    return Promise.resolve();
  }
}

const source: ChangeSource = {
  name: 'own',
  kind: 'memory',
  open: () => Promise.resolve(new OwnStream()),
};

const collected: string[] = [];
const sink: Sink<{ readonly operation: string }> = {
  name: 'own',
  prepare: (event): readonly Prepared<{ readonly operation: string }>[] => [
    { lane: 'one', bytes: 10, item: { operation: event.operation } },
  ],
  deliver: (items): Promise<readonly Verdict[]> => {
    collected.push(...items.map((item) => item.operation));
    return Promise.resolve(items.map((): Verdict => ({ type: 'delivered' })));
  },
};

class OwnCheckpoints implements CheckpointStore {
  #stored: StoredCheckpoint | null = null;

  load(): Promise<StoredCheckpoint | null> {
    return Promise.resolve(this.#stored);
  }

  save(
    _name: string,
    checkpoint: Checkpoint,
    options: { readonly revision: string },
  ): Promise<void> {
    this.#stored = { checkpoint, revision: options.revision, savedAtMs: Date.now() };
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function main(): Promise<void> {
  let error = 'none';
  try {
    createPipeline(source, sink, { name: '' });
  } catch (thrown) {
    error = CdcError.is(thrown) ? thrown.code : String(thrown);
  }

  const events: PipelineEvent[] = [];
  const pipeline: Pipeline = createPipeline(source, sink, {
    name: 'strict',
    checkpoints: new OwnCheckpoints(),
    onEvent: (event) => events.push(event),
  });
  await pipeline.start();
  await pipeline.caughtUp();
  await pipeline.drain();
  const closed: Error | null = await pipeline.closed;
  if (closed !== null) {
    throw closed;
  }
  const { state, received, delivered } = pipeline.status();
  console.log(JSON.stringify({ state, received, delivered, collected, error }));
}

main().catch((thrown: unknown) => {
  console.error(thrown);
  process.exitCode = 1;
});
