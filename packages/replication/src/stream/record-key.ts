import { GapError, SourceSetupError } from '@certyo-cdc/core';
import type { RelationMessage } from '../protocol/pgoutput.ts';
import { tableLabel } from '@certyo-cdc/core/internal';

/**
 * The columns of the record key of a relation.
 *
 * The `keys` option decides, else the primary key. It must lie within the replica identity, because a DELETE shows
 * nothing else. Under DEFAULT the identity *is* the primary key as it was when the change was made, which is why the
 * stream is believed before the catalog, which may have changed since.
 */
export function recordKeyOf(
  message: RelationMessage,
  choices: {
    readonly configured: readonly string[] | null;
    readonly primaryKey: readonly string[] | null;
    /** The key that was last known for this relation, also where the table has been dropped since. */
    readonly lastKnown: readonly string[] | null;
    /** Whether the relation had the columns that it has here when the key was last known. */
    readonly hasSameColumns: boolean;
  },
): readonly string[] {
  const names = new Set(message.columns.map((column) => column.name));
  const identity = message.columns.filter((column) => column.inIdentity).map((c) => c.name);
  const table = tableLabel(message);
  const has = (key: readonly string[]): boolean => key.every((name) => names.has(name));

  if (choices.configured !== null) {
    const missing = choices.configured.find((name) => !names.has(name));
    if (missing !== undefined) {
      throw new SourceSetupError(
        `The key of ${table} names the column "${missing}", which it does not have.`,
        {
          remedy: `Correct the option keys['${table}'].`,
        },
      );
    }
    // Under NOTHING the server refuses every UPDATE and DELETE, so nothing can be missing.
    const isShown =
      message.replicaIdentity === 'f' ||
      message.replicaIdentity === 'n' ||
      choices.configured.every((name) => identity.includes(name));
    if (!isShown) throw identityGap(table, choices.configured, 'FULL');
    return choices.configured;
  }
  if (message.replicaIdentity === 'd' && identity.length > 0) {
    // Key order, where it was known before or the catalog still describes the same key; else the stream's column order.
    const orders = [choices.lastKnown, choices.primaryKey];
    const isSame = (order: readonly string[] | null): boolean =>
      order?.length === identity.length && order.every((name) => identity.includes(name));
    return orders.find(isSame) ?? identity;
  }
  const { lastKnown, primaryKey } = choices;
  // The catalog is that of today: a change that comes again keeps the key that it had (I4).
  const found = choices.hasSameColumns ? [lastKnown, primaryKey] : [primaryKey, lastKnown];
  const keys = found.filter((key) => key !== null && key.length > 0 && has(key));
  // Without any identity the server has refused every UPDATE and DELETE: only whole new rows can have come.
  const isWhole = message.replicaIdentity === 'n' || identity.length === 0;
  const shown = keys.find((key) => isWhole || key?.every((name) => identity.includes(name)));
  if (shown != null) return shown;
  const [hidden] = keys;
  if (hidden != null) throw identityGap(table, hidden, 'DEFAULT');
  if (message.replicaIdentity === 'i' && identity.length > 0) return identity;
  if (choices.lastKnown !== null) throw identityGap(table, choices.lastKnown, 'FULL');
  throw new SourceSetupError(`${table} has no primary key, so nothing names its records.`, {
    remedy: `Set the option keys['${table}'] to columns that identify a row, with: ALTER TABLE ${table} REPLICA IDENTITY FULL;`,
  });
}

/** The start has seen that the tables' replica identities are good: this one was another when the changes were written. */
function identityGap(
  table: string,
  key: readonly string[],
  identity: 'DEFAULT' | 'FULL',
): GapError {
  return new GapError(
    'GAP_IDENTITY',
    `Changes of ${table} were written under a replica identity that does not show its key (${key.join(', ')}): a DELETE among them does not name its record.`,
    {
      remedy: `Run: ALTER TABLE ${table} REPLICA IDENTITY ${identity}; then copy the table again.`,
    },
  );
}
