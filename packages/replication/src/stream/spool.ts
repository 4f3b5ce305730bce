import { createHash, randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { PipelineStateError, SourceSpoolError } from '@certyo-cdc/core';
import type { SpoolSettings } from '../normalize-options.ts';
import { wholeFrameLength } from '../protocol/frame-buffer.ts';

/** What is read back at once; a larger frame comes alone. */
const PIECE_BYTES = 256 * 1024;
const HEADER_BYTES = 5;

/** The folders that streams of this process use. */
const IN_USE = new Set<string>();

/**
 * The folder of one stream's spool: a file for each transaction that is taken before its commit.
 *
 * It lies in one that is named by the slot, beside those of other streams on slots that cannot be told apart: of a server and
 * a copy of its files. What nobody uses any more was left by a process that died.
 */
export class SpoolFolder {
  readonly #settings: SpoolSettings;
  readonly #parent: string;
  readonly #path: string;
  #made: Promise<void> | null = null;
  #bytes = 0;
  #files = 0;
  #isClosed = false;
  readonly #open = new Set<Spool>();

  /**
   * @param owner Names the slot among all servers.
   */
  constructor(settings: SpoolSettings, owner: string) {
    const name = createHash('sha256').update(owner).digest('hex').slice(0, 16);
    this.#settings = settings;
    this.#parent = join(settings.directory ?? tmpdir(), `certyo-cdc-${name}`);
    this.#path = join(this.#parent, `${process.pid}-${randomUUID()}`);
  }

  /** Removes what a process that died has left. Call it when the slot is ours. */
  async clear(): Promise<void> {
    await within(async () => {
      if (!(await this.#isOurs())) return;
      for (const name of await readdir(this.#parent)) {
        const path = join(this.#parent, name);
        if (!isInUse(path)) await rm(path, { recursive: true, force: true });
      }
    });
  }

  /** Begins the file of a transaction. */
  create(): Spool {
    // What was read before the stream was closed may still be under way.
    if (this.#isClosed) throw new PipelineStateError('The stream is closed.');
    this.#files += 1;
    const spool = new Spool(join(this.#path, `${this.#files}.spool`), {
      prepare: () => (this.#made = within(() => this.#make())),
      grow: (bytes) => this.#grow(bytes),
      dropped: (dropped) => {
        this.#bytes -= dropped.bytes;
        this.#open.delete(dropped);
      },
    });
    this.#open.add(spool);
    return spool;
  }

  /** Removes everything. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#open].map((spool) => spool.drop()));
    if (this.#made === null) return;
    await this.#made.catch(() => undefined);
    await rm(this.#path, { recursive: true, force: true }).catch(() => undefined);
    IN_USE.delete(this.#path);
    // Another stream on the same slot may have begun.
    await rmdir(this.#parent).catch(() => undefined);
  }

  /** Before each file: what removes old files from folders for temporary ones may have taken an empty folder away. */
  async #make(): Promise<void> {
    if (this.#settings.directory !== null) {
      await mkdir(this.#settings.directory, { recursive: true });
    }
    await this.#isOurs();
    IN_USE.add(this.#path);
    // Another stream of the slot may make or remove the folder above at the same time.
    await mkdir(this.#path, { mode: 0o700, recursive: true });
    await this.#isOurs();
  }

  /** The name can be foreseen: in a folder that everybody writes to, someone else may have made it. */
  async #isOurs(): Promise<boolean> {
    const stats = await lstat(this.#parent).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (stats === null) return false;
    const uid = process.getuid?.();
    const isPrivate = uid === undefined || (stats.uid === uid && (stats.mode & 0o077) === 0);
    if (stats.isDirectory() && isPrivate) return true;
    throw new SourceSpoolError(`The spool's folder ${this.#parent} belongs to someone else.`, {
      remedy: 'Set streaming: { directory } to a folder that only this process writes to.',
    });
  }

  #grow(bytes: number): void {
    const { maxBytes } = this.#settings;
    if (this.#bytes + bytes > maxBytes) {
      throw new SourceSpoolError(
        `Transactions in progress take more than streaming.maxBytes (${maxBytes} bytes) in the spool. Nothing is lost: the server still has them.`,
        {
          remedy:
            'Raise streaming: { maxBytes }, or set streaming: false, to leave them on the server.',
        },
      );
    }
    this.#bytes += bytes;
  }
}

/** Whether the stream that a folder was made for is still there. Where that is not known it is taken to be. */
function isInUse(path: string): boolean {
  const pid = Number.parseInt(basename(path), 10);
  // A process in a container has the number of the one that died before it.
  if (!(pid > 0) || pid === process.pid) return IN_USE.has(path);
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

interface SpoolOwner {
  prepare(): Promise<void>;
  grow(bytes: number): void;
  dropped(spool: Spool): void;
}

/** The frames of one transaction as they came, in a file. */
export class Spool {
  readonly #path: string;
  readonly #owner: SpoolOwner;
  #handle: FileHandle | null = null;
  #bytes = 0;
  #isDropped = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, owner: SpoolOwner) {
    this.#path = path;
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async append(frames: Buffer): Promise<void> {
    this.#owner.grow(frames.length);
    this.#bytes += frames.length;
    await this.#inTurn(async () => {
      if (this.#handle === null) {
        await this.#owner.prepare();
        this.#handle = await open(this.#path, 'ax+', 0o600);
      }
      await this.#handle.appendFile(frames);
    });
  }

  /** Whole frames from `offset` on, in memory of their own; empty at the end. */
  async read(offset: number): Promise<Buffer> {
    const bytes = await this.#piece(offset, Math.min(PIECE_BYTES, this.#bytes - offset));
    let whole = 0;
    for (;;) {
      const length = wholeFrameLength(bytes, whole);
      if (length === 0) break;
      whole += length;
    }
    if (whole > 0 || bytes.length === 0) return bytes.subarray(0, whole);
    return this.#piece(offset, bytes.readInt32BE(1) + 1);
  }

  /** Closes the file for as long as nothing is read or written. */
  async rest(): Promise<void> {
    await this.#inTurn(() => this.#closeFile());
  }

  /** Removes the file. Idempotent. */
  async drop(): Promise<void> {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#owner.dropped(this);
    // The stream may be closed while a piece is being written.
    await this.#turn;
    await this.#closeFile().catch(() => undefined);
    if (this.#bytes > 0) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = within(async () => {
      await this.#turn;
      if (this.#isDropped) throw new Error('The stream is closed.');
      return work();
    });
    this.#turn = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  async #piece(offset: number, length: number): Promise<Buffer> {
    if (length <= 0) return Buffer.alloc(0);
    return this.#inTurn(async () => {
      this.#handle ??= await open(this.#path, 'r');
      const bytes = Buffer.allocUnsafeSlow(length);
      let read = 0;
      while (read < length) {
        const { bytesRead } = await this.#handle.read(bytes, read, length - read, offset + read);
        if (bytesRead === 0) throw new Error('The file ends before what was written to it.');
        read += bytesRead;
      }
      if (length < HEADER_BYTES) throw new Error('The file ends within a frame.');
      return bytes;
    });
  }
}

/** Turns what a file operation fails with into an error of this library. */
async function within<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SourceSpoolError) throw error;
    const code = (error as NodeJS.ErrnoException | null)?.code ?? 'failed';
    throw new SourceSpoolError(
      `The spool of transactions in progress cannot be written or read (${code}).`,
      {
        cause: error,
        remedy:
          'Make room, or set streaming: { directory } to a folder with room. Nothing is lost.',
      },
    );
  }
}
