import { createTypeRegistry } from '@certyo-cdc/postgres';
// The decoder is no public part of the package: only here is it fed by anything but a server.
// oxlint-disable-next-line no-restricted-imports -- see above
import { RelationResolver } from '../../../packages/replication/src/stream/relation-resolver.ts';
// oxlint-disable-next-line no-restricted-imports -- see above
import { StreamDecoder } from '../../../packages/replication/src/stream/stream-decoder.ts';

/** The decoder of the replication source, without a connection: what it would ask the catalog has no answer. */
export function streamDecoder(): StreamDecoder {
  const resolver = new RelationResolver({
    database: 'bench',
    keyOf: () => null,
    includeGenerated: false,
    types: createTypeRegistry(),
    query: async () => [],
  });
  return new StreamDecoder({
    source: { kind: 'replication', name: 'bench', systemIdentifier: '1' },
    epochOf: () => 1,
    known: new Map(),
    isCaptured: () => true,
    wantsMessage: () => false,
    ddlPrefix: null,
    onRelationRepeated: async () => undefined,
    resolver,
    position: 0n,
    spool: null,
  });
}
