import type { ListedVersion } from '../online/listed-versions.ts';
import type { EvidenceBundle } from './bundle.ts';
import { aboutVersion } from './offline-checks.ts';
import type { Findings } from './report.ts';

/** The clocks of Certyo and of who made the evidence may differ by so much. */
const CLOCK_TOLERANCE_MS = 300_000;

/**
 * Whether Certyo has versions of the record that the evidence has not. One between those that are there was left out. Older ones
 * may have been dropped by a retention, newer ones may have come since the evidence was made: then it does not say everything.
 */
export function judgeHistory(
  { createdAt, versions }: EvidenceBundle,
  listed: ReadonlyMap<string, ListedVersion> | null,
  findings: Findings,
): void {
  const first = versions[0]?.recordVersion;
  const last = versions.at(-1)?.recordVersion;
  if (listed === null || first === undefined || last === undefined) {
    findings.open('history', 'needs-certyo', "Certyo's answer does not tell versions apart.");
    return;
  }
  const here = new Set(versions.map(({ recordVersion }) => recordVersion));
  const madeMs = Date.parse(createdAt) - CLOCK_TOLERANCE_MS;
  let [left, older, newer] = [0, 0, 0];
  for (const version of listed.values()) {
    const { acceptedMs, recordVersion } = version;
    if (here.has(recordVersion)) continue;
    const isNewer = recordVersion > last;
    if (recordVersion < first) older += 1;
    else if (isNewer && !(acceptedMs !== null && acceptedMs < madeMs)) newer += 1;
    else {
      left += 1;
      const detail = isNewer
        ? 'Certyo had it before the evidence was made, which does not have it.'
        : 'Certyo has it, between others that are here, and it is not.';
      findings.failed('history', detail, aboutVersion(version));
    }
  }
  if (left > 0) return;
  if (older + newer === 0) {
    findings.passed('history', 'Certyo lists no version of the record that is not here.');
    return;
  }
  const detail = `Certyo has ${String(older)} older and ${String(newer)} newer versions, of which the evidence says nothing.`;
  findings.open('history', 'not-possible', detail);
}
