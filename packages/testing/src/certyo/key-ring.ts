import { createHash } from 'node:crypto';

/** An API key and what it is bound to. */
export interface CertyoApiKey {
  readonly key: string;
  readonly tenantId: string;
  /** The client (application) that the key is bound to; any `clientId` is accepted when it is undefined. */
  readonly clientId?: string | undefined;
}

/** The keys that the emulator knows. */
export interface KeyRing {
  /** Makes a key valid; a key that is already there is bound anew. */
  add(key: CertyoApiKey): void;
  /** Deactivates a key: from now on it is answered with 401. */
  remove(key: string): void;
}

/** A key as requests see it. */
export interface Principal {
  readonly tenantId: string;
  readonly clientId: string | null;
  /** Tells keys apart in the audit history without revealing them. */
  readonly keyId: string;
}

/** The keys by their text. */
export class InMemoryKeyRing implements KeyRing {
  readonly #principals = new Map<string, Principal>();

  constructor(keys: readonly CertyoApiKey[]) {
    for (const key of keys) this.add(key);
  }

  add(key: CertyoApiKey): void {
    this.#principals.set(key.key, {
      tenantId: key.tenantId,
      clientId: key.clientId ?? null,
      keyId: createHash('sha256').update(key.key).digest('hex').slice(0, 12),
    });
  }

  remove(key: string): void {
    this.#principals.delete(key);
  }

  find(key: string): Principal | null {
    return this.#principals.get(key) ?? null;
  }
}
