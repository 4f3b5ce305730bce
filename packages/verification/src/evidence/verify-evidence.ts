import type { CertyoClient } from '@certyo-cdc/core';

import { askCertyo } from './ask-certyo.ts';
import { bundleDigest } from './bundle.ts';
import {
  checkCoverage,
  checkPayloads,
  checkVersions,
  checkWindowChains,
} from './offline-checks.ts';
import { readEvidence } from './read-evidence.ts';
import { type EvidenceReport, Findings } from './report.ts';

/** Options of `verifyEvidence`. */
export interface VerifyEvidenceOptions {
  /** Asks Certyo what nobody else can tell. @default it is left open, and told */
  readonly client?: CertyoClient | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies what `createEvidence` made, as JSON text or as the value that was read from it.
 *
 * Without a client nobody is asked: the form, the digest, the order of the versions, the fingerprints of payloads, the chain of
 * windows, that windows have the hashes of their receipts, and that a window is there for each version. What needs Certyo is
 * named, step by step: that a version was anchored as it is said to be, in the batch that it names, its Merkle proof, whose form is
 * not public, and that no version was left out.
 *
 * @throws {CdcError} Certyo refuses the key, or is away.
 * @example
 * const { ok, steps } = await verifyEvidence(await readFile('evidence.json', 'utf8'));
 */
export async function verifyEvidence(
  evidence: unknown,
  options: VerifyEvidenceOptions = {},
): Promise<EvidenceReport> {
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const findings = new Findings();
  const read = readEvidence(evidence);
  if (read.type === 'none') {
    findings.failed('form', read.why);
    return findings.report();
  }
  const { bundle } = read;
  findings.passed('form', 'It is evidence of this format.');
  if (bundleDigest(bundle) === bundle.digest) {
    findings.passed('digest', 'The digest is that of everything else in the file.');
  } else findings.failed('digest', 'The digest is not that of everything else in the file.');
  checkVersions(bundle, findings);
  checkPayloads(bundle, findings);
  checkWindowChains(bundle, findings);
  checkCoverage(bundle, findings);
  await askCertyo(bundle, findings, { client: options.client, signal });
  return findings.report();
}
