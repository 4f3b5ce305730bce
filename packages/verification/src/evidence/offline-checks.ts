import { tableLabel } from '@certyo-cdc/core/internal';

import { ChainCheck } from '../windows/chain-check.ts';
import { readWindow, windowHash, windowVersion } from '../windows/window.ts';
import type { EvidenceBundle, EvidenceReceipt, EvidenceVersion, EvidenceWindow } from './bundle.ts';
import type { Findings } from './report.ts';

/** How a version is named in a report. */
export function aboutVersion({ recordVersion }: Pick<EvidenceReceipt, 'recordVersion'>): string {
  return `version ${recordVersion}`;
}

/** How a window is named in a report. */
export function aboutWindow({ number, pipeline }: EvidenceWindow): string {
  return `window ${String(number)} of ${pipeline}`;
}

/** Versions grow, and each says the same of itself. */
export function checkVersions({ record, versions }: EvidenceBundle, findings: Findings): void {
  for (const [index, version] of versions.entries()) {
    const before = versions[index - 1];
    const about = aboutVersion(version);
    if (before !== undefined && version.recordVersion < before.recordVersion) {
      findings.failed('versions', 'It stands behind a greater version.', about);
    }
    const { anchor, state, table } = version;
    if (state === 'anchored' && anchor.anchoredAt === null) {
      findings.failed('versions', 'It counts as anchored, and nothing says since when.', about);
    }
    if (table !== null && windowHash(tableText(version)) !== table.fingerprint) {
      findings.failed('versions', 'The columns do not have the fingerprint of the table.', about);
    }
  }
  if (versions.length === 0) findings.failed('versions', 'There is no version.');
  else if (!findings.hasFailed('versions')) {
    findings.passed(
      'versions',
      `${String(versions.length)} versions of ${record.collection} grow, one behind the other.`,
    );
  }
}

/** As core's fingerprint of a table version is made. */
function tableText({ table }: EvidenceVersion): string {
  return JSON.stringify((table?.columns ?? []).map(({ isKey, name, type }) => [name, type, isKey]));
}

/** The SHA-256 of each payload is the fingerprint of its version. */
export function checkPayloads({ versions }: EvidenceBundle, findings: Findings): void {
  for (const version of versions) {
    const { payload, payloadFingerprint } = version;
    const about = aboutVersion(version);
    if (payload === null) {
      findings.open('payloads', 'not-possible', 'Its payload is not in the evidence.', about);
    } else if (windowHash(payload) === payloadFingerprint) {
      findings.passed(
        'payloads',
        'The SHA-256 of the payload is the fingerprint of the receipt.',
        about,
      );
    } else {
      findings.failed(
        'payloads',
        'The SHA-256 of the payload is not the fingerprint of the receipt.',
        about,
      );
    }
  }
}

/** Windows have their hashes, name each other, and are what their receipts say. */
export function checkWindowChains({ windows }: EvidenceBundle, findings: Findings): void {
  for (const window of windows) {
    const { hash, number, receipt } = window;
    const about = aboutWindow(window);
    if (receipt === null) {
      findings.open(
        'window-receipts',
        'not-possible',
        'It has no receipt: it is not anchored yet.',
        about,
      );
    } else if (
      receipt.payloadFingerprint !== hash ||
      receipt.recordVersion !== windowVersion(number)
    ) {
      findings.failed('window-receipts', 'Its receipt is of another content.', about);
    } else {
      findings.passed('window-receipts', 'Its hash is the fingerprint of its receipt.', about);
    }
  }
  for (const window of outOfOrder(windows)) {
    // Nothing would join it to the others.
    findings.failed('windows', 'It does not stand in its order.', aboutWindow(window));
  }
  let runs = 0;
  for (const run of runsOf(windows)) {
    runs += 1;
    const [first] = run;
    if (first === undefined) continue;
    const check = new ChainCheck({
      pipeline: first.pipeline,
      receipts: new Map(
        run.flatMap(({ number, receipt }) =>
          receipt === null ? [] : [[number, receipt.payloadFingerprint]],
        ),
      ),
      end: undefined,
      isPart: true,
    });
    for (const window of run) check.add(window);
    for (const { detail, number } of check.problems()) {
      findings.failed('windows', detail, `window ${String(number)} of ${first.pipeline}`);
    }
    for (const number of check.uncounted) {
      findings.open(
        'windows',
        'not-possible',
        'Nothing is known about what lies in it.',
        `window ${String(number)} of ${first.pipeline}`,
      );
    }
  }
  if (!findings.hasFailed('windows') && runs > 0) {
    findings.passed(
      'windows',
      `${String(windows.length)} windows have their hashes, name the ones before them, begin where those end, and add up.`,
    );
  }
}

/** Windows that stand behind one with a greater number, or apart from those of their pipeline. */
function outOfOrder(windows: readonly EvidenceWindow[]): readonly EvidenceWindow[] {
  const seen = new Set<string>();
  return windows.filter(({ number, pipeline }, index) => {
    const before = windows[index - 1];
    const isNext = before?.pipeline === pipeline;
    const isOdd = isNext ? before.number >= number : seen.has(pipeline);
    seen.add(pipeline);
    return isOdd;
  });
}

/** Windows that follow each other. */
function* runsOf(windows: readonly EvidenceWindow[]): Generator<readonly EvidenceWindow[]> {
  let run: EvidenceWindow[] = [];
  for (const window of windows) {
    const last = run.at(-1);
    const follows = last?.pipeline === window.pipeline && last.number + 1 === window.number;
    if (last !== undefined && !follows) {
      yield run;
      run = [];
    }
    run.push(window);
  }
  if (run.length > 0) yield run;
}

/** A window is there in which the change of each version can lie. */
export function checkCoverage({ versions, windows }: EvidenceBundle, findings: Findings): void {
  for (const version of versions) {
    const about = aboutVersion(version);
    const named = version.windows.map(({ number, pipeline }) =>
      windows.find((window) => window.number === number && window.pipeline === pipeline),
    );
    if (named.length === 0) {
      findings.open(
        'coverage',
        'not-possible',
        'No window of completeness is known that it lies in: none are kept, or its one is still open.',
        about,
      );
    } else if (named.every((window) => window !== undefined && covers(window, version))) {
      findings.passed(
        'coverage',
        `It lies in the range of ${named.map((window) => (window === undefined ? '' : aboutWindow(window))).join(', ')}.`,
        about,
      );
    } else {
      findings.failed('coverage', 'It does not lie in the range of a window that it names.', about);
    }
  }
}

function covers({ content }: EvidenceWindow, { recordVersion, table }: EvidenceVersion): boolean {
  const window = readWindow(content);
  const range = window?.versions ?? null;
  if (window === null || range === null) return false;
  if (recordVersion < range.first || recordVersion > range.last) return false;
  return table === null || window.counts.some((counts) => counts.table === tableLabel(table));
}
