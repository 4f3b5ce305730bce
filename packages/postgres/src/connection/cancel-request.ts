import { once } from 'node:events';

import type { ResolvedConnection } from './connection-options.ts';
import { openSocket } from './open-socket.ts';

/** What a server told a client about itself at login. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

/**
 * Asks the server to cancel what a backend is doing (PostgreSQL documentation, 53.2.8). Dropping the connection alone does
 * not stop a statement. Never rejects: there is nobody to act on it.
 */
export async function cancelRequest(
  connection: ResolvedConnection,
  key: BackendKey,
): Promise<void> {
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(80_877_102, 4);
  packet.writeInt32BE(key.processId, 8);
  packet.writeInt32BE(key.secretKey, 12);
  const signal = AbortSignal.timeout(3000);
  try {
    const socket = await openSocket(connection, signal);
    socket.on('error', () => {});
    try {
      socket.end(packet);
      socket.resume();
      await once(socket, 'close', { signal });
    } finally {
      socket.destroy();
    }
  } catch {
    // The server is away: then so is the statement.
  }
}
