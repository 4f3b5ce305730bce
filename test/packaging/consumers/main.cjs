// What a user of CommonJS writes; kept in step with main.mjs.
const { CdcError, createPipeline } = require('@certyo-cdc/core');
const { memoryCheckpointStore, memorySink, memorySource } = require('@certyo-cdc/testing');

async function main() {
  let error = 'none';
  try {
    createPipeline(memorySource(), memorySink(), { name: '' });
  } catch (thrown) {
    error = CdcError.is(thrown) ? thrown.code : String(thrown);
  }

  const source = memorySource();
  const sink = memorySink();
  const pipeline = createPipeline(source, sink, {
    name: 'main',
    checkpoints: memoryCheckpointStore(),
  });
  const key = { id: 1 };
  await pipeline.start();
  source.push([{ operation: 'insert', key }]);
  source.push([{ operation: 'update', key }]);
  source.push([{ operation: 'delete', key }]);
  await pipeline.caughtUp();
  await pipeline.drain();
  const closed = await pipeline.closed;
  if (closed !== null) throw closed;

  const { state, received, delivered } = pipeline.status();
  const collected = sink.effects.map(({ operation }) => operation);
  console.log(JSON.stringify({ state, received, delivered, collected, error }));
}

main().catch((thrown) => {
  console.error(thrown);
  process.exitCode = 1;
});
