import { canonicalJson, type CertyoClient, type JsonValue } from '@certyo-cdc/core';

import { listedVersions } from '../online/listed-versions.ts';
import { type OnlineFinding, Questions } from '../online/questions.ts';
import { defaultAnchoringCodec, type SeenBatch } from '../verifier/anchoring-codec.ts';
import { windowRecord } from '../windows/window.ts';
import type { EvidenceBundle, EvidenceReceipt } from './bundle.ts';
import { aboutVersion, aboutWindow } from './offline-checks.ts';
import { judgeHistory } from './history.ts';
import type { Findings } from './report.ts';

interface Subject {
  readonly about: string;
  readonly record: {
    readonly database: string;
    readonly collection: string;
    readonly recordId: string;
  };
  readonly receipt: EvidenceReceipt;
  readonly payload: string | null;
}

interface AskOptions {
  readonly client: CertyoClient | undefined;
  readonly signal: AbortSignal;
}

/** Has Certyo say whether each version and window is anchored as the evidence has it; without a client it is told what to ask. */
export async function askCertyo(
  evidence: EvidenceBundle,
  findings: Findings,
  { client, signal }: AskOptions,
): Promise<void> {
  const subjects = subjectsOf(evidence);
  if (client === undefined) {
    findings.open(
      'merkle-proofs',
      'needs-certyo',
      'How Certyo hashes records and proves them against a Merkle root is not public: only Certyo can walk the proofs.',
    );
    if (subjects.some(({ receipt }) => receipt.anchor.batchId !== null)) {
      findings.open(
        'anchors',
        'needs-certyo',
        'That batches have the root, block and transaction that stand here: GET /batches. Give an API key.',
      );
    }
    for (const { about, payload, receipt } of subjects) {
      const asked =
        payload !== null
          ? 'the payload'
          : receipt.recordHash !== null
            ? 'the hash, the payload not being here'
            : 'its name alone, neither payload nor hash being here, which does not show its content';
      findings.open(
        'certyo',
        'needs-certyo',
        `That it is on the chain: POST /verify with ${asked}. Give an API key.`,
        about,
      );
    }
    findings.open(
      'history',
      'needs-certyo',
      'That no version was left out, and that none came later: GET /snapshots. Give an API key.',
    );
    return;
  }
  const questions = new Questions(client);
  const roots = new Map<Subject, string | null>();
  try {
    for (const subject of subjects) {
      const { about, payload, receipt, record } = subject;
      const { recordHash, recordVersion } = receipt;
      const found = await questions.ask(
        { ...record, payload, recordHash, recordVersion },
        { signal },
      );
      judge(subject, found, findings, about);
      roots.set(subject, found.merkleRoot);
    }
    if (findings.hasOnly('certyo', 'passed')) {
      findings.passed(
        'merkle-proofs',
        'Certyo has walked the proofs, which is what its verification does.',
      );
    } else {
      findings.open('merkle-proofs', 'needs-certyo', 'Certyo has not confirmed all of them.');
    }
    await askAboutBatches(subjects, roots, findings, questions, signal);
    judgeHistory(evidence, await listedVersions(questions, evidence.record, { signal }), findings);
  } finally {
    questions.release();
  }
}

function subjectsOf({
  record,
  versions,
  windowDatabases,
  windows,
}: EvidenceBundle): readonly Subject[] {
  return [
    ...versions.map((version) => ({
      about: aboutVersion(version),
      record,
      receipt: version,
      payload: version.payload,
    })),
    ...windows.flatMap((window) => {
      const { content, pipeline, receipt } = window;
      if (receipt === null) return [];
      const database = Object.hasOwn(windowDatabases, pipeline)
        ? windowDatabases[pipeline]
        : undefined;
      return [
        {
          about: aboutWindow(window),
          record: windowRecord(pipeline, database),
          receipt,
          payload: content,
        },
      ];
    }),
  ];
}

function judge(
  { payload, receipt }: Subject,
  { answer, merkleRoot, recordHash }: OnlineFinding,
  findings: Findings,
  about: string,
): void {
  const { anchor, state } = receipt;
  if (answer === 'differs') {
    findings.failed('certyo', 'Certyo has no such record, or another one.', about);
  } else if (isOther(receipt.recordHash, recordHash)) {
    findings.failed('certyo', 'Certyo has another record hash.', about);
  } else if (isOther(anchor.merkleRoot, merkleRoot)) {
    findings.failed('certyo', 'Certyo has it under another Merkle root.', about);
  } else if (answer === 'anchored' && payload === null && receipt.recordHash === null) {
    const detail =
      'Certyo has a version of this name on the chain; its content cannot be asked about without payload or hash.';
    findings.open('certyo', 'not-possible', detail, about);
  } else if (answer === 'anchored') {
    const what =
      payload === null
        ? "a record of this hash, which is Certyo's and not the fingerprint,"
        : 'this very payload';
    findings.passed('certyo', `Certyo confirms that ${what} is on the chain.`, about);
  } else if (answer === 'unclear') {
    findings.open('certyo', 'needs-certyo', "Certyo's answer does not tell.", about);
  } else if (state === 'anchored') {
    findings.failed('certyo', 'It counts as anchored, and Certyo does not say so.', about);
  } else if (answer === 'failed') {
    findings.open('certyo', 'needs-certyo', 'Certyo could not anchor it.', about);
  } else {
    findings.open('certyo', 'needs-certyo', 'Certyo has not anchored it yet.', about);
  }
}

/**
 * Whether the batches are what the evidence says of them: root, block, transaction; and whether they are those that the versions
 * lie in: another batch of the tenant is as real, and of another time.
 */
async function askAboutBatches(
  subjects: readonly Subject[],
  roots: ReadonlyMap<Subject, string | null>,
  findings: Findings,
  questions: Questions,
  signal: AbortSignal,
): Promise<void> {
  const batches = new Map<string, SeenBatch | 'none' | null>();
  for (const subject of subjects) {
    const { about, receipt } = subject;
    const { batch, batchId } = receipt.anchor;
    if (batchId === null) {
      if (batch !== null) {
        findings.failed('anchors', 'It says block or transaction, and not of which batch.', about);
      } else if (receipt.state === 'anchored') {
        findings.open('anchors', 'not-possible', 'It does not say in which batch it lies.', about);
      }
      continue;
    }
    let seen = batches.get(batchId);
    if (seen === undefined) {
      const answer = await questions.batch(batchId, { signal });
      seen =
        answer === null || answer === 'none' ? answer : defaultAnchoringCodec.batch(answer.raw);
      batches.set(batchId, seen);
    }
    judgeBatch(subject, seen, roots.get(subject) ?? null, findings);
  }
}

function judgeBatch(
  { about, receipt }: Subject,
  seen: SeenBatch | 'none' | null,
  root: string | null,
  findings: Findings,
): void {
  const { batch, merkleRoot, snapshotId } = receipt.anchor;
  const members = seen === null || seen === 'none' ? null : seen.snapshotIds;
  if (seen === 'none') {
    findings.failed('anchors', 'Certyo has no such batch.', about);
  } else if (seen === null) {
    findings.open('anchors', 'needs-certyo', "Certyo's answer does not tell.", about);
  } else if (isOther(merkleRoot, seen.merkleRoot)) {
    findings.failed('anchors', 'Certyo has another Merkle root for its batch.', about);
  } else if (
    isOther(root, seen.merkleRoot) ||
    (members !== null && snapshotId !== null && !members.includes(snapshotId))
  ) {
    const isAnchored = receipt.state === 'anchored';
    if (isAnchored) findings.failed('anchors', 'It lies in another batch than it says.', about);
    else findings.open('anchors', 'not-possible', 'It has gone to another batch since.', about);
  } else if (batch !== null && canonicalJson(batch) !== canonicalJson(plainDetail(seen.detail))) {
    findings.failed('anchors', 'Certyo says another block or transaction of its batch.', about);
  } else if (root === null && (members === null || snapshotId === null)) {
    const detail = 'Certyo says the same of the batch, and not whether it lies in it.';
    findings.open('anchors', 'needs-certyo', detail, about);
  } else {
    findings.passed('anchors', 'Certyo says the same of its batch.', about);
  }
}

/** As it is read from a file. */
function plainDetail(detail: JsonValue): JsonValue {
  return JSON.parse(JSON.stringify(detail)) as JsonValue;
}

/** Only where both are known. */
function isOther(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && plain(one) !== plain(other);
}

/** A hash without what says how it is written. */
function plain(hash: string): string {
  return hash.replace(/^(?:sha256:|0x)/iu, '').toLowerCase();
}
