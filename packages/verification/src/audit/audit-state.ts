import { readFile, rename, rm, writeFile } from 'node:fs/promises';

import { ReceiptError } from '@certyo-cdc/core';
import { z } from 'zod';

import { type AuditTableTotals, auditTableTotalsSchema } from './report-schema.ts';
import { type Suspect, suspectSchema } from './suspect.ts';

/** How far an audit has come. */
export const auditStateSchema: z.ZodType<AuditState> = z.strictObject({
  version: z.literal(1),
  /** Digest of what is audited: another audit does not go on here. */
  scope: z.string(),
  startedAt: z.string(),
  snapshots: z.array(z.string()),
  tables: z.record(
    z.string(),
    z.strictObject({
      /** Everything up to this key was compared; null: nothing yet. */
      after: z.array(z.string()).nullable(),
      isDone: z.boolean(),
      isNamedByKey: z.boolean(),
      totals: auditTableTotalsSchema,
      notComparable: z.array(z.strictObject({ reason: z.string(), rows: z.int().nonnegative() })),
    }),
  ),
  suspects: z.array(suspectSchema),
});

/** How far an audit has come: plain JSON. It holds keys of rows, and no other value. */
export interface AuditState {
  readonly version: 1;
  readonly scope: string;
  readonly startedAt: string;
  readonly snapshots: readonly string[];
  readonly tables: Readonly<
    Record<
      string,
      {
        readonly after: readonly string[] | null;
        readonly isDone: boolean;
        /** Whether the record of a row is named by its key. */
        readonly isNamedByKey: boolean;
        readonly totals: AuditTableTotals;
        /** Why rows could not be compared, and how many. */
        readonly notComparable: readonly { readonly reason: string; readonly rows: number }[];
      }
    >
  >;
  readonly suspects: readonly Suspect[];
}

/** Where an audit keeps how far it has come. */
export interface AuditStateStore {
  load(): Promise<unknown>;
  /** Null when the audit is finished. */
  save(state: AuditState | null): Promise<void>;
}

/**
 * Keeps how far an audit has come in a file, readable by its owner only.
 *
 * @param path The file; the one beside it with `.new` is written first.
 */
export function fileAuditState(path: string): AuditStateStore {
  return {
    async load() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as unknown;
      } catch (error) {
        if ((error as { readonly code?: unknown }).code === 'ENOENT') return null;
        throw new ReceiptError('How far the audit had come cannot be read.', {
          cause: error,
          retryable: false,
          remedy: `Remove ${path}: the audit then begins anew.`,
        });
      }
    },
    async save(state) {
      if (state === null) {
        await rm(path, { force: true });
        return;
      }
      await writeFile(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
  };
}
