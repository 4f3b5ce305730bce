import { describe, expect, test } from 'vitest';
import { ChangeCounter, OpenTransaction } from './open-transaction.ts';

function transaction(commitLsn: bigint): OpenTransaction {
  const begin = { commitLsn, committedAt: 0n, xid: 7 };
  return new OpenTransaction(begin, { systemIdentifier: '1', epoch: 1 });
}

describe(OpenTransaction, () => {
  test('I5: numbers the changes of each name from 1, in every transaction, also in one that is read again', () => {
    const [one, two] = [new ChangeCounter('public.one'), new ChangeCounter('public.two')];
    for (const lsn of [16n, 32n, 32n]) {
      const open = transaction(lsn);
      const ids = [one, two, one, one, two].map((counter) => {
        const { id } = open.identify(counter, open.count(counter));
        return id.slice(id.indexOf('/'));
      });
      const begin = `/00000000000000${lsn.toString(16)}/7/public.`;
      expect(ids).toEqual(['one/1', 'two/1', 'one/2', 'one/3', 'two/2'].map((end) => begin + end));
    }
  });

  test('I5: does not begin again behind a transaction that began later', () => {
    const counter = new ChangeCounter('public.one');
    const [earlier, later] = [transaction(16n), transaction(32n)];
    earlier.count(counter);
    later.count(counter);
    expect(() => earlier.count(counter)).toThrow('goes on behind one that began later');
  });
});
