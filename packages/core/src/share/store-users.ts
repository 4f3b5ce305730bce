import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { DeadLetterStore } from '../dead-letter/dead-letter-store.ts';

/** A store with several users, of which each closes its own view: it is closed with the last of those that used it. */
class StoreUsers<Store extends { close(): Promise<void> }> {
  readonly #store: Store;
  readonly #users: Set<object> = new Set();

  constructor(store: Store) {
    this.#store = store;
  }

  used(by: object): Store {
    this.#users.add(by);
    return this.#store;
  }

  async left(by: object): Promise<void> {
    if (this.#users.delete(by) && this.#users.size === 0) await this.#store.close();
  }
}

/** Gives each caller a view of the store. */
export function checkpointViews(store: CheckpointStore): () => CheckpointStore {
  const users = new StoreUsers(store);
  return () => {
    const view: CheckpointStore = {
      load: (name, options) => users.used(view).load(name, options),
      save: (name, checkpoint, options) => users.used(view).save(name, checkpoint, options),
      close: () => users.left(view),
    };
    return view;
  };
}

/** The same for parked records. */
export function deadLetterViews(store: DeadLetterStore): () => DeadLetterStore {
  const users = new StoreUsers(store);
  return () => {
    const view: DeadLetterStore = {
      park: (pipeline, letters, options) => users.used(view).park(pipeline, letters, options),
      lanes: (pipeline, options) => users.used(view).lanes(pipeline, options),
      list: (pipeline, options) => users.used(view).list(pipeline, options),
      remove: (pipeline, sequences, options) =>
        users.used(view).remove(pipeline, sequences, options),
      close: () => users.left(view),
    };
    return view;
  };
}
