import type { SqlExecutor } from '@certyo-cdc/postgres';

import { digestKey, uuidText } from '../receipts/record-key.ts';
import type { Outcome, SeenAnchor } from './outcome.ts';
import { keepAnchorsSql, recordSql } from './record-sql.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

type Text = string | null;

/** Writes outcomes down. Gives those that changed something: the others were finished by somebody else meanwhile. */
export async function recordOutcomes(
  executor: SqlExecutor,
  schema: string,
  outcomes: readonly Outcome[],
  options: CallOptions,
): Promise<readonly Outcome[]> {
  if (outcomes.length === 0) return [];
  // In the order of the primary key, so that nobody waits for somebody who waits for him.
  const sorted = outcomes.toSorted((one, other) =>
    one.receipt.recordKey < other.receipt.recordKey ? -1 : 1,
  );
  const anchorIds = await keepAnchors(executor, schema, sorted, options);
  const column = (read: (outcome: Outcome) => Text): readonly Text[] => sorted.map(read);
  const { rows } = await executor.query<{ readonly number: string }>(
    recordSql(schema),
    [
      column(({ receipt }) => receipt.recordKey),
      column(({ receipt }) => receipt.recordVersion),
      column(({ receipt }) => receipt.acceptedUs),
      column(({ state }) => state),
      column(({ dueInMs }) => (dueInMs === null ? null : String(Math.ceil(dueInMs)))),
      column(({ snapshotId }) => clean(snapshotId)),
      column(({ anchor }) => (anchor === null ? null : (anchorIds.get(digestOf(anchor)) ?? null))),
      column(({ anchoredMs }) => micros(anchoredMs)),
      column(({ failedMs }) => micros(failedMs)),
      column(({ failure }) => clean(failure)),
      column((outcome) => (outcome.resubmitted ? '1' : '0')),
      column(({ raises }) => String(raises)),
    ],
    options,
  );
  return rows.flatMap(({ number }) => sorted[Number(number) - 1] ?? []);
}

async function keepAnchors(
  executor: SqlExecutor,
  schema: string,
  outcomes: readonly Outcome[],
  options: CallOptions,
): Promise<ReadonlyMap<string, string>> {
  const anchors = new Map<string, SeenAnchor>();
  for (const { anchor } of outcomes) {
    if (anchor === null) continue;
    const digest = digestOf(anchor);
    if (anchor.isAnchored || !anchors.has(digest)) anchors.set(digest, anchor);
  }
  if (anchors.size === 0) return new Map();
  const sorted = [...anchors].sort(([one], [other]) => (one < other ? -1 : 1));
  const { rows } = await executor.query<{ readonly id: string; readonly digest: string }>(
    keepAnchorsSql(schema),
    [
      sorted.map(([digest]) => digest),
      sorted.map(([, { batchId }]) => clean(batchId)),
      sorted.map(([, { merkleRoot }]) => clean(merkleRoot)),
      sorted.map(([, { isAnchored }]) => String(isAnchored)),
      sorted.map(([, { anchoredMs }]) => micros(anchoredMs)),
    ],
    options,
  );
  return new Map(rows.map(({ digest, id }) => [digest, id]));
}

/** A batch is known by its id, or where the API gives none by its root. */
function digestOf({ batchId, merkleRoot }: SeenAnchor): string {
  const text = JSON.stringify(batchId === null ? ['root', merkleRoot] : ['batch', batchId]);
  return uuidText(digestKey(text));
}

function micros(ms: number | null): Text {
  return ms === null ? null : String(Math.round(ms) * 1000);
}

/** PostgreSQL's text holds no NUL. */
function clean(text: Text): Text {
  return text?.replaceAll('\0', '\u{FFFD}') ?? null;
}
