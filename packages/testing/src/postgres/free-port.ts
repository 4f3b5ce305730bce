import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below what Linux, macOS and Windows hand out by themselves: while a server is down for a restart, no outgoing
// connection and no other test's listener may get its port, and whoever calls it there must not reach himself.
const LOWEST = 15_000;
const ABOVE = 32_000;

const ATTEMPTS = 100;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Windows forbids ranges of ports.
    if (code === 'EADDRINUSE' || code === 'EACCES') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A port of 127.0.0.1 that nobody listens on now, and that nobody gets unless he asks for it by number. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST, ABOVE);
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port between ${LOWEST} and ${ABOVE - 1} was found.`);
}
