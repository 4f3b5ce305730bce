import { chownSync, readFileSync } from 'node:fs';

/** The operating system's user that runs the server, when it is not the user of this process. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; `nobody` exists everywhere and initdb wants an entry in passwd. */
function readNobody(): ServerUser {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error('PostgreSQL does not run as root and there is no user `nobody` to run it as.');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** Null when the server runs as the user of this process. */
export const SERVER_USER: ServerUser | null = process.getuid?.() === 0 ? readNobody() : null;

/** Gives a file or directory to the user that runs the server. */
export function giveToServer(path: string): void {
  if (SERVER_USER !== null) chownSync(path, SERVER_USER.uid, SERVER_USER.gid);
}

/** What every process of the server gets: nothing of the caller's locale, zone, secrets or PG* variables. */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
