import type { LedgerAccess } from '../receipts/ledger-access.ts';
import { type CertyoQuestions, explain, type ExplainParts } from './explain.ts';
import type { NormalizedAuditOptions } from './options.ts';
import type { Settled } from './recheck.ts';
import type { AuditException } from './report-schema.ts';
import { countReason } from './scan.ts';
import { countSettled } from './tally.ts';

/** Why a row is wrong that is what its newest receipt says. */
export const DENIED = 'Certyo does not verify the row';

/** Counts what became of suspects, and lists what is wrong. */
export class Findings {
  readonly exceptions: AuditException[] = [];
  leftOut = 0;
  readonly #parts: ExplainParts;
  readonly #most: number;
  readonly #asksAll: boolean;

  constructor(
    options: NormalizedAuditOptions,
    ledger: LedgerAccess,
    questions: CertyoQuestions | null,
  ) {
    const { maxExceptions, recordedPayload, values, verify } = options;
    this.#parts = { ledger, questions, recordedPayload, values };
    this.#most = maxExceptions;
    this.#asksAll = verify === 'all' && questions !== null;
  }

  async add(settled: Settled, options: { readonly signal: AbortSignal }): Promise<void> {
    const { audited, suspect } = settled;
    const { tally } = audited;
    const judgement = await this.#afterCertyo(settled, options);
    if (judgement.type === 'wrong') {
      const exception = await explain({ ...settled, judgement }, this.#parts, options);
      tally.exceptions[exception.kind] += 1;
      if (this.exceptions.length < this.#most) this.exceptions.push(exception);
      else this.leftOut += 1;
    } else if (!suspect.wasRead) {
      // Counted when rows were read, or not among those that were: then it has come since.
    } else if (judgement.type === 'not-comparable') {
      tally.notComparable += 1;
      countReason(audited, judgement.reason);
    } else if (judgement.type === 'gone') {
      tally.rows -= 1;
    } else {
      countSettled(tally, judgement);
    }
  }

  /** A row that is what we have recorded is not always what Certyo has. */
  async #afterCertyo(
    { judgement, newest }: Settled,
    options: { readonly signal: AbortSignal },
  ): Promise<Settled['judgement']> {
    const { questions } = this.#parts;
    if (!this.#asksAll || judgement.type !== 'unchanged' || questions === null) return judgement;
    const { row, state } = judgement;
    if (state !== 'anchored' || row === null) return judgement;
    const certyo = await questions.ask(row, newest?.recordVersion, options);
    return certyo === null || certyo.verified
      ? judgement
      : { type: 'wrong', kind: 'changed', reason: DENIED, certyo };
  }
}
