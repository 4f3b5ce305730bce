import { ResponseInvalidError } from '../errors/delivery-error.ts';
import type { Verdict } from '../sink/sink.ts';
import type { CertyoClient } from './certyo-client.ts';
import type { CertyoItem } from './certyo-item.ts';
import { apiPath } from './client-requests.ts';
import { delivered, failureVerdict } from './sink-verdicts.ts';

const PARALLEL = 8;
const MAX_PAGES = 100;

/**
 * Asks the API which of the items it holds, by recordId and version: delivered, null for one that it does not have, or
 * retry where the answer does not say.
 */
export async function confirmItems(
  client: CertyoClient,
  items: readonly CertyoItem[],
  signal: AbortSignal,
): Promise<readonly (Verdict | null)[]> {
  const verdicts: (Verdict | null)[] = items.map(() => null);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next;
      next += 1;
      const item = items[index];
      if (item === undefined) return;
      verdicts[index] = await confirmItem(client, item, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
  return verdicts;
}

async function confirmItem(
  client: CertyoClient,
  item: CertyoItem,
  signal: AbortSignal,
): Promise<Verdict | null> {
  const query = new URLSearchParams({
    tenantId: client.tenantId,
    database: item.database,
    collection: item.collection,
    recordId: item.recordId,
    recordVersion: item.recordVersion,
  });
  try {
    let status = 0;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const path = `${apiPath('records')}?${query.toString()}`;
      const answer = await client.send({ method: 'GET', path }, { signal });
      const found = client.codecs.findRecord(answer.body, item);
      status = answer.status;
      if (found.type === 'found') return delivered(found.recordHash, found.acceptedAt, true);
      if (found.type === 'absent') return null;
      if (found.type === 'unknown') break;
      query.set('cursor', found.cursor);
    }
    throw new ResponseInvalidError(
      status,
      'The answer to GET /api/v1/records does not say whether the API has a record.',
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const verdict = failureVerdict(error, 'single');
    // The question may be wrong, but that says nothing against the record.
    return verdict.type === 'rejected' ? { type: 'halt', error: verdict.error } : verdict;
  }
}
