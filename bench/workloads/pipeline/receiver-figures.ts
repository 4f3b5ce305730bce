import { figure, type Spread, spread } from '../../runner/spread.ts';
import type { ReceiverReport } from '../../support/http-receiver.ts';
import { acceptedEntry } from '../../support/receiver-answer.ts';

/** What the other end cost, and how much it answered. */
export function receiverFigures(
  reports: readonly ReceiverReport[],
): Readonly<Record<string, unknown>> {
  return {
    ...figure('cpuSecondsPerMillion', cpuSecondsPerMillion(reports)),
    answerBytesPerRecord: Math.round(per(reports, ({ answerBytes }) => answerBytes).median),
    requestBytesPerRecord: Math.round(per(reports, ({ requestBytes }) => requestBytes).median),
    recordsPerRequest: Math.round(1 / per(reports, ({ requests }) => requests).median),
  };
}

/** The same as a sentence of the docs. */
export function receiverNote(reports: readonly ReceiverReport[]): string {
  const cpu = cpuSecondsPerMillion(reports).median.toFixed(2);
  return `The receiver runs on the same cores and took ${cpu} s of CPU for a million records. It reads no JSON: it counts the records of a request, and its answers are text that was written beforehand. The form of bulk answers is not public; for each record it answers \`${acceptedEntry(0)}\`.`;
}

function cpuSecondsPerMillion(reports: readonly ReceiverReport[]): Spread {
  return per(reports, ({ cpuSeconds }) => cpuSeconds * 1e6);
}

function per(reports: readonly ReceiverReport[], of: (report: ReceiverReport) => number): Spread {
  return spread(reports.map((report) => of(report) / report.records));
}
