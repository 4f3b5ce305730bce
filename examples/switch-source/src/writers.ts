import type { TestDatabase } from '@certyo-cdc/testing';

/** Writers that go on until they are told to stop. */
export interface Writers {
  stop(): Promise<void>;
}

/** Each writer has ids of its own; it adds rows, changes them, and deletes some for good. */
export async function startWriters(db: TestDatabase, count: number): Promise<Writers> {
  let isWriting = true;
  const writers = Array.from({ length: count }, async (_, writer) => {
    const client = await db.client();
    for (let turn = 0; isWriting; turn += 1) {
      const id = turn * count + writer;
      await client.query(`INSERT INTO orders (id, note) VALUES ($1, 'new')`, [id]);
      const earlier = Math.floor(Math.random() * (turn + 1)) * count + writer;
      await client.query(
        `UPDATE orders SET write = nextval('writes'), note = 'changed' WHERE id = $1`,
        [earlier],
      );
      if (turn % 4 === 3)
        await client.query('DELETE FROM orders WHERE id = $1', [(turn - 3) * count + writer]);
    }
  });
  return {
    stop: async () => {
      isWriting = false;
      await Promise.all(writers);
    },
  };
}
