import { connect, type Socket } from 'node:net';
import type { WalReading } from '../support/recorded-wal.ts';

/** What stands at the places of a copy stream that a reader without a decoder has to know. */
const COPY_DATA = 0x64;
const COPY_BOTH = 0x57;
const ERROR = 0x45;
const READY = 0x5a;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const COMMIT = 0x43;
/** Kind and length of a frame; then kind, two positions and a clock of the copy message. */
const FRAME_HEAD = 5;
const XLOG_HEAD = 25;

/** How one reading goes. */
export interface ReplicationSocketOptions {
  readonly reading: WalReading;
  /** The server has begun to send. */
  readonly onStart: () => void;
  /**
   * A whole frame with a message of the plugin, in a buffer that is used again. Without this nothing is looked at but the
   * kind of each.
   */
  readonly onFrame?: ((frame: Buffer) => void) | undefined;
  /** How long the socket is left alone after each read. @default not at all */
  readonly restMs?: number | undefined;
}

/**
 * The least that can be done with a copy stream: the bytes go from the socket into one buffer that is used again and again,
 * kinds and lengths are read where they lie, keepalives that ask for it are answered. For servers that trust.
 *
 * @returns How many bytes came until the last transaction had ended.
 */
export async function readReplicationSocket({
  onFrame,
  onStart,
  reading,
  restMs,
}: ReplicationSocketOptions): Promise<number> {
  let received = 0;
  let commits = 0;
  let isStreaming = false;
  /** What is left of a frame that began in the chunk before. */
  let tail: Buffer = Buffer.alloc(0);
  /** Bytes of a frame that are still to come and need not be looked at. */
  let toSkip = 0;
  let socket: Socket | null = null;
  try {
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        if (isStreaming) received += chunk.length;
        let bytes = chunk;
        let pos = 0;
        if (toSkip > 0) {
          pos = Math.min(toSkip, bytes.length);
          toSkip -= pos;
        } else if (tail.length > 0) {
          bytes = Buffer.concat([tail, chunk]);
          tail = Buffer.alloc(0);
        }
        while (pos < bytes.length) {
          const left = bytes.length - pos;
          const head = FRAME_HEAD + XLOG_HEAD + 1;
          const length = left < FRAME_HEAD ? 0 : 1 + bytes.readUInt32BE(pos + 1);
          const needed = onFrame === undefined ? Math.min(length, head) : length;
          if (length === 0 || left < needed) {
            tail = Buffer.from(bytes.subarray(pos));
            return;
          }
          look(bytes, pos, length);
          if (left < length) {
            toSkip = length - left;
            return;
          }
          pos += length;
        }
      };
      const look = (bytes: Buffer, pos: number, length: number): void => {
        const kind = bytes[pos];
        const body = pos + FRAME_HEAD;
        if (kind === COPY_DATA) {
          if (bytes[body] === XLOG_DATA) {
            const at = body + XLOG_HEAD;
            onFrame?.(bytes.subarray(pos, pos + length));
            if (bytes[at] === COMMIT) {
              commits += 1;
              if (commits === reading.transactions) resolve();
            }
          } else if (bytes[body] === KEEPALIVE && bytes[body + 17] === 1) {
            socket?.write(statusUpdate());
          }
        } else if (kind === COPY_BOTH) {
          isStreaming = true;
          onStart();
        } else if (kind === READY) {
          socket?.write(query(startCommand(reading)));
        } else if (kind === ERROR) {
          reject(new Error(bytes.toString('utf8', body, pos + length)));
        }
      };
      const buffer = Buffer.allocUnsafeSlow(1 << 16);
      socket = connect({
        host: reading.host,
        port: reading.port,
        // One buffer for all that comes: `data` events would make a new one for each read.
        onread: {
          buffer,
          callback: (length) => {
            onData(buffer.subarray(0, length));
            if (restMs === undefined || !isStreaming) return true;
            setTimeout(() => socket?.resume(), restMs);
            return false;
          },
        },
      });
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('The server closed the connection.')));
      socket.once('connect', () => socket?.write(startup(reading)));
    });
  } finally {
    (socket as Socket | null)?.destroy();
  }
  return received;
}

function startCommand({ publication, slot }: WalReading): string {
  return `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`;
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
function startup({ database, user }: WalReading): Buffer {
  const text = `user\0${user}\0database\0${database}\0replication\0database\0\0`;
  const bytes = Buffer.alloc(8 + Buffer.byteLength(text));
  bytes.writeInt32BE(bytes.length, 0);
  bytes.writeInt32BE(196_608, 4);
  bytes.write(text, 8);
  return bytes;
}

function query(sql: string): Buffer {
  const bytes = Buffer.alloc(6 + Buffer.byteLength(sql));
  bytes.write('Q', 0);
  bytes.writeInt32BE(bytes.length - 1, 1);
  bytes.write(sql, 5);
  return bytes;
}

/** Says nothing but that somebody is there: the slot stays where it is. */
function statusUpdate(): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD + 34);
  bytes.write('d', 0);
  bytes.writeInt32BE(bytes.length - 1, 1);
  bytes.write('r', FRAME_HEAD);
  return bytes;
}
