import type {
  LatestReceipt,
  Receipt,
  ReceiptCallOptions,
  ReceiptStore,
  RecordName,
  RecordVersionName,
  SendMark,
  StoredReceipt,
} from '@certyo-cdc/core';

/** A store of receipts in memory, to look into. */
export interface MemoryReceiptStore extends ReceiptStore {
  /** All receipts in the order in which they were stored. */
  readonly receipts: readonly Receipt[];
  /** The marks of a pipeline, oldest first; a test may change how old they are. */
  readonly marks: Map<string, SendMark[]>;
  /** Calls of `store`. */
  readonly stores: number;
  /** Called before receipts are stored; what it throws becomes the rejection. */
  onStore: ((receipts: readonly Receipt[]) => void | Promise<void>) | null;
  /** Called when receipts are stored, before the answer; what it throws is a lost answer. */
  onStored: ((receipts: readonly Receipt[]) => void | Promise<void>) | null;
  /** Called before a mark is stored; what it throws becomes the rejection. */
  onMark: ((pipeline: string, upTo: string) => void | Promise<void>) | null;
}

class InMemoryReceiptStore implements MemoryReceiptStore {
  onStore: MemoryReceiptStore['onStore'] = null;
  onStored: MemoryReceiptStore['onStored'] = null;
  onMark: MemoryReceiptStore['onMark'] = null;
  readonly receipts: Receipt[] = [];
  readonly marks: Map<string, SendMark[]> = new Map();
  stores = 0;

  async store(receipts: readonly Receipt[], { signal }: ReceiptCallOptions): Promise<void> {
    signal.throwIfAborted();
    this.stores += 1;
    await this.onStore?.(receipts);
    signal.throwIfAborted();
    for (const receipt of receipts) if (this.#find(receipt) === null) this.receipts.push(receipt);
    await this.onStored?.(receipts);
  }

  async latest(
    records: readonly RecordName[],
    { signal }: ReceiptCallOptions,
  ): Promise<readonly (LatestReceipt | null)[]> {
    signal.throwIfAborted();
    return records.map((record) => {
      const own = this.receipts.filter((receipt) => isSameRecord(receipt, record));
      const last = own.toSorted((a, b) => (a.recordVersion < b.recordVersion ? -1 : 1)).at(-1);
      if (last === undefined) return null;
      const { operationType, payloadFingerprint, recordVersion } = last;
      return { recordVersion, operationType, payloadFingerprint, hasFailed: false };
    });
  }

  async find(
    versions: readonly RecordVersionName[],
    { signal }: ReceiptCallOptions,
  ): Promise<readonly (StoredReceipt | null)[]> {
    signal.throwIfAborted();
    return versions.map((version) => {
      const found = this.#find(version);
      if (found === null) return null;
      const { acceptedAt, payloadFingerprint, recordHash } = found;
      return { payloadFingerprint, recordHash, acceptedAt: acceptedAt ?? '' };
    });
  }

  async sendMarks(pipeline: string, { signal }: ReceiptCallOptions): Promise<readonly SendMark[]> {
    signal.throwIfAborted();
    return [...(this.marks.get(pipeline) ?? [])];
  }

  async addSendMark(
    pipeline: string,
    upTo: string,
    { isOfUnknownAge, signal }: Parameters<ReceiptStore['addSendMark']>[2],
  ): Promise<SendMark> {
    signal.throwIfAborted();
    await this.onMark?.(pipeline, upTo);
    const marks = this.marks.get(pipeline) ?? [];
    const sinceMs = isOfUnknownAge === true ? -Infinity : Date.now();
    const mark = marks.find((known) => known.upTo === upTo) ?? { upTo, sinceMs };
    if (!marks.includes(mark)) marks.push(mark);
    this.marks.set(pipeline, marks);
    return mark;
  }

  async close(): Promise<void> {}

  #find(version: RecordVersionName): Receipt | null {
    return (
      this.receipts.find(
        (receipt) =>
          receipt.recordVersion === version.recordVersion && isSameRecord(receipt, version),
      ) ?? null
    );
  }
}

function isSameRecord(one: RecordName, other: RecordName): boolean {
  return (
    one.recordId === other.recordId &&
    one.collection === other.collection &&
    one.database === other.database
  );
}

/** A store of receipts in memory. Keeps what is stored for as long as the object lives, also after `close()`. */
export function memoryReceiptStore(): MemoryReceiptStore {
  return new InMemoryReceiptStore();
}
