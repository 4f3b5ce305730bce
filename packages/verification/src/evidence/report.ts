/** The steps of a verification, in their order. */
export const EVIDENCE_STEPS = [
  'form',
  'digest',
  'versions',
  'payloads',
  'windows',
  'window-receipts',
  'coverage',
  'merkle-proofs',
  'certyo',
  'anchors',
  'history',
] as const;

export type EvidenceStepName = (typeof EVIDENCE_STEPS)[number];

/** What one step has found. */
export interface EvidenceStep {
  readonly step: EvidenceStepName;
  /**
   * `passed` and `failed`: it was checked. `needs-certyo`: only Certyo can tell, and was not asked or cannot tell yet.
   * `not-possible`: the evidence lacks what is needed.
   */
  readonly state: 'passed' | 'failed' | 'needs-certyo' | 'not-possible';
  /** What it is about: `version …`, `window … of …`, or empty for the whole. */
  readonly about: string;
  /** A sentence for people. Holds no value of a payload. */
  readonly detail: string;
}

/** What a verification has found. */
export interface EvidenceReport {
  /** True when nothing that was checked failed. */
  readonly ok: boolean;
  /** True when it is `ok` and nothing was left unchecked. */
  readonly complete: boolean;
  readonly steps: readonly EvidenceStep[];
}

/** Notes what steps find. */
export class Findings {
  readonly #steps: EvidenceStep[] = [];

  passed(step: EvidenceStepName, detail: string, about: string = ''): void {
    this.#steps.push({ step, state: 'passed', about, detail });
  }

  failed(step: EvidenceStepName, detail: string, about: string = ''): void {
    this.#steps.push({ step, state: 'failed', about, detail });
  }

  open(
    step: EvidenceStepName,
    state: 'needs-certyo' | 'not-possible',
    detail: string,
    about: string = '',
  ): void {
    this.#steps.push({ step, state, about, detail });
  }

  hasFailed(step: EvidenceStepName): boolean {
    return this.#steps.some((each) => each.step === step && each.state === 'failed');
  }

  hasOnly(step: EvidenceStepName, state: EvidenceStep['state']): boolean {
    return this.#steps.every((each) => each.step !== step || each.state === state);
  }

  report(): EvidenceReport {
    const steps = [...this.#steps];
    return {
      ok: steps.every(({ state }) => state !== 'failed'),
      complete: steps.every(({ state }) => state === 'passed'),
      steps,
    };
  }
}
