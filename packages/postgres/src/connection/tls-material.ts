import { open } from 'node:fs/promises';

import { ConfigurationError, isSecret, type Secret } from '@certyo-cdc/core';
import { wrongSecretOption } from '@certyo-cdc/core/internal';

import type { TlsLoader, TlsMaterial } from './connection-options.ts';

/** Turns a certificate or key as the user gave it into a function that reads it afresh. */
export function tlsLoader(
  material: TlsMaterial | Secret | undefined,
  option: string,
  checks: { readonly isKey: boolean },
): TlsLoader | null {
  if (material === undefined) return null;
  if (isSecret(material)) return () => Promise.resolve(Buffer.from(material.reveal()));
  if (typeof material === 'function')
    return async () => {
      const given: unknown = await material();
      if (typeof given === 'string' || given instanceof Uint8Array) return Buffer.from(given);
      throw wrongSecretOption(option, 'a function that gives PEM text', given);
    };
  if (material instanceof Uint8Array) {
    const copy = Buffer.from(material);
    return () => Promise.resolve(copy);
  }
  if (typeof material !== 'string' || material === '')
    throw wrongSecretOption(option, 'PEM text, the path of a PEM file, or a function', material);
  if (material.includes('-----BEGIN')) {
    const pem = Buffer.from(material);
    return () => Promise.resolve(pem);
  }
  return () => readPem(material, option, checks.isKey);
}

async function readPem(path: string, option: string, isKey: boolean): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new ConfigurationError(option, `The file of \`${option}\` cannot be opened: ${path}.`, {
      cause: error,
    });
  });
  try {
    if (isKey) {
      const { mode, uid } = await file.stat();
      if (isTooOpen(mode, uid))
        throw new ConfigurationError(
          option,
          `The key file of \`${option}\` can be read by group or others: ${path}.`,
          { remedy: 'Run: chmod 600 on it (640 if root owns it).' },
        );
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** libpq's rule: 0600 or stricter, or 0640 when the file belongs to root. */
export function isTooOpen(mode: number, uid: number): boolean {
  if (process.platform === 'win32') return false;
  return (mode & (uid === 0 ? 0o037 : 0o077)) !== 0;
}
