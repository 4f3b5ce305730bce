import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { ConfigurationError } from '@certyo-cdc/core';

import { isTooOpen } from './tls-material.ts';

/** What a line of a password file is matched against. */
export interface PasswordFileKey {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/**
 * Looks a password up in libpq's password file (PostgreSQL documentation, 34.16). Null when the file or a matching line
 * is missing; a file that group or others can read is refused.
 */
export async function readPasswordFile(
  path: string | null,
  key: PasswordFileKey,
): Promise<string | null> {
  const file = path ?? defaultPath();
  let text: string;
  try {
    const { mode, uid } = await stat(file);
    if (isTooOpen(mode, uid === 0 ? -1 : uid))
      throw new ConfigurationError(
        'passfile',
        `The password file can be read by group or others: ${file}.`,
        {
          remedy: 'Run: chmod 600 on it.',
        },
      );
    text = await readFile(file, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing && path === null) return null;
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError('passfile', `The password file cannot be read: ${file}.`, {
      cause: error,
    });
  }
  return findPassword(text, key);
}

function defaultPath(): string {
  const appData = process.env['APPDATA'];
  return process.platform === 'win32' && appData !== undefined
    ? join(appData, 'postgresql', 'pgpass.conf')
    : join(homedir(), '.pgpass');
}

/** The password of the first line that matches. */
export function findPassword(text: string, key: PasswordFileKey): string | null {
  const isDefaultSocket = key.host === '/var/run/postgresql' || key.host === '/tmp';
  const wanted = [
    isDefaultSocket ? 'localhost' : key.host,
    String(key.port),
    key.database,
    key.user,
  ];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitLine(line);
    const isMatch = wanted.every(
      (value, index) => fields[index] === '*' || fields[index] === value,
    );
    const password = fields[4];
    if (isMatch && password !== undefined) return password;
  }
  return null;
}

/** Splits at the first four colons; a backslash takes the next character as it is. */
function splitLine(line: string): readonly string[] {
  const fields: string[] = [];
  let field = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === '\\' && at + 1 < line.length) {
      at += 1;
      field += line[at] ?? '';
    } else if (character === ':' && fields.length < 4) {
      fields.push(field);
      field = '';
    } else {
      field += character;
    }
  }
  return [...fields, field];
}
