import type { Dispatcher } from './dispatcher.ts';
import type { Parking } from './parking.ts';
import type { RunContext } from './run-context.ts';
import type { RejectionHandler, WorkItem } from './work-item.ts';

/** Halts or parks, by option. */
export class Rejections<Item, Row extends object> implements RejectionHandler<Item> {
  readonly #context: RunContext<Item, Row>;
  readonly #parking: Parking<Item, Row>;
  #dispatcher: Dispatcher<Item, Row> | null = null;

  constructor(context: RunContext<Item, Row>, parking: Parking<Item, Row>) {
    this.#context = context;
    this.#parking = parking;
  }

  /** The two need each other. */
  attach(dispatcher: Dispatcher<Item, Row>): void {
    this.#dispatcher = dispatcher;
  }

  rejected(item: WorkItem<Item>, error: Error): void {
    const dispatcher = this.#dispatcher;
    if (dispatcher === null) return;
    const { emit, fail, options } = this.#context;
    emit({ type: 'item-rejected', eventId: item.eventId, error });
    if (item.onRedriven !== null) {
      dispatcher.lanes.finish(item);
      // It was parked before, which is where it stays.
      dispatcher.finish(item, 'parked');
      item.onRedriven('rejected');
      return;
    }
    if (options.onRejected === 'halt') {
      fail(error);
      return;
    }
    if (options.onParkedLane === 'continue') {
      dispatcher.lanes.finish(item);
      this.#parking.parkItem(item, error, () => dispatcher.finish(item, 'parked'));
      return;
    }
    this.#parking.block(item.lane);
    for (const waiting of dispatcher.lanes.evict(item)) {
      const cause = waiting === item ? error : null;
      this.#parking.parkItem(waiting, cause, () => dispatcher.finish(waiting, 'parked'));
    }
  }
}
