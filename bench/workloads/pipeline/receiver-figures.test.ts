import { expect, test } from 'vitest';
import { receiverFigures, receiverNote } from './receiver-figures.ts';

const report = {
  seconds: 1,
  cpuSeconds: 0.5,
  maxRssBytes: 1,
  records: 250_000,
  requests: 250,
  requestBytes: 250_000_000,
  answerBytes: 50_000_000,
  arrivals: [],
};

test("the receiver's CPU and the body of its answers are stated in the figures and in the docs", () => {
  const reports = [report, { ...report, cpuSeconds: 1 }, { ...report, cpuSeconds: 0.25 }];
  expect(receiverFigures(reports)).toEqual({
    cpuSecondsPerMillion: 2,
    cpuSecondsPerMillionSpread: { least: 1, most: 4 },
    answerBytesPerRecord: 200,
    requestBytesPerRecord: 1_000,
    recordsPerRequest: 1_000,
  });
  expect(receiverNote(reports)).toMatch(
    /took 2\.00 s .* `\{"index":0,"status":"accepted",.*\}`\.$/,
  );
});
