import { createHash } from 'node:crypto';

import type { PipelineTime } from '@certyo-cdc/core';

import { type AuditState, auditStateSchema, type AuditStateStore } from './audit-state.ts';
import type { Audited } from './audited.ts';
import type { NormalizedAuditOptions } from './options.ts';
import { countReason } from './scan.ts';
import type { Suspect } from './suspect.ts';
import { addTally } from './tally.ts';

const SAVE_EVERY_MS = 1_000;

interface Place {
  after: readonly string[] | null;
  isDone: boolean;
}

/** How far an audit has come: what it goes on with after an interruption. */
export class AuditProgress {
  readonly startedAt: string;
  readonly snapshots: string[];
  #suspects: Suspect[];
  readonly #store: AuditStateStore | null;
  readonly #scope: string;
  readonly #time: PipelineTime;
  readonly #earlier: AuditState | null;
  readonly #places = new Map<Audited, Place>();
  #savedAtMs = -Infinity;

  private constructor(options: NormalizedAuditOptions, scope: string, earlier: AuditState | null) {
    this.#store = options.state;
    this.#scope = scope;
    this.#time = options.time;
    this.#earlier = earlier;
    this.startedAt = earlier?.startedAt ?? new Date(options.time.now()).toISOString();
    this.snapshots = [...(earlier?.snapshots ?? [])];
    this.#suspects = [...(earlier?.suspects ?? [])];
  }

  get suspects(): readonly Suspect[] {
    return this.#suspects;
  }

  /** Any number of them: more than a call takes arguments. */
  suspect(more: readonly Suspect[]): void {
    for (const each of more) this.#suspects.push(each);
  }

  /** What another audit has left is passed over. */
  static async load(options: NormalizedAuditOptions, server: string): Promise<AuditProgress> {
    const { span, state, tables } = options;
    const scope = createHash('sha256')
      .update(JSON.stringify([server, tables, span]))
      .digest('hex');
    const read = auditStateSchema.safeParse((await state?.load()) ?? null);
    const earlier = read.success && read.data.scope === scope ? read.data : null;
    return new AuditProgress(options, scope, earlier);
  }

  /** Where to go on with a table; null where it is done. */
  begin(audited: Audited): { readonly after: readonly string[] | null } | null {
    const kept = this.#earlier?.tables[audited.shape.label];
    const place = { after: kept?.after ?? null, isDone: kept?.isDone ?? false };
    // Which records have rows is not kept: where keys do not tell it, all rows are read again.
    const isToRepeat = kept !== undefined && !kept.isNamedByKey;
    if (isToRepeat) {
      Object.assign(place, { after: null, isDone: false });
      this.#suspects = this.#suspects.filter(({ table }) => table !== audited.shape.label);
    } else if (kept !== undefined) {
      addTally(audited.tally, kept.totals);
      for (const { reason, rows } of kept.notComparable) countReason(audited, reason, rows);
      audited.isWholeSeen = false;
    }
    this.#places.set(audited, place);
    return place.isDone ? null : place;
  }

  /** Everything up to this key was compared; null: the whole table. */
  async passed(audited: Audited, upTo: readonly string[] | null): Promise<void> {
    this.#places.set(audited, { after: upTo, isDone: upTo === null });
    const nowMs = this.#time.now();
    if (this.#store === null || nowMs - this.#savedAtMs < SAVE_EVERY_MS) return;
    this.#savedAtMs = nowMs;
    await this.save();
  }

  async save(): Promise<void> {
    await this.#store?.save({
      version: 1,
      scope: this.#scope,
      startedAt: this.startedAt,
      snapshots: this.snapshots,
      tables: Object.fromEntries(
        [...this.#places].map(([{ isNamedByKey, notComparable, shape, tally }, place]) => [
          shape.label,
          {
            ...place,
            isNamedByKey,
            totals: structuredClone(tally),
            notComparable: [...notComparable].map(([reason, rows]) => ({ reason, rows })),
          },
        ]),
      ),
      suspects: this.suspects,
    });
  }

  async finish(): Promise<void> {
    await this.#store?.save(null);
  }
}
