import type { PoolClientLike, PoolLike, Queryable } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';

type Client = Awaited<ReturnType<TestDatabase['client']>>;

/** A pool of a process that dies at its n-th statement: before the server gets it, or before its answer arrives. */
export class KillingPool implements PoolLike {
  readonly #database: TestDatabase;
  readonly #at: number;
  readonly #phase: 'before' | 'after';
  readonly #clients = new Set<Client>();
  #statements = 0;
  #isDead = false;

  constructor(database: TestDatabase, at: number, phase: 'before' | 'after') {
    this.#database = database;
    this.#at = at;
    this.#phase = phase;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  async connect(): Promise<PoolClientLike> {
    if (this.#isDead) throw new Error('Connection terminated unexpectedly');
    const client = await this.#database.client();
    this.#clients.add(client);
    const query: Queryable['query'] = async (config) => {
      this.#statements += 1;
      const isLast = this.#statements === this.#at;
      if (isLast && this.#phase === 'before') this.#die();
      const answer = client.query(config);
      if (!isLast || this.#phase === 'before') return answer;
      await answer.catch(() => {});
      this.#die();
      throw new Error('Connection terminated unexpectedly');
    };
    return {
      query,
      release: () => {
        this.#clients.delete(client);
        void client.end().catch(() => {});
      },
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
    };
  }

  on(): void {}

  removeListener(): void {}

  #die(): void {
    this.#isDead = true;
    for (const client of this.#clients) {
      const { connection } = client as unknown as {
        readonly connection: { readonly stream: { destroy(): void } };
      };
      connection.stream.destroy();
    }
  }
}
