import type { ChangeSource } from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';

/** The sources between which a pipeline can be switched. */
export const SWITCHABLE = ['polling', 'listen-notify', 'replication'] as const;
export type Switchable = (typeof SWITCHABLE)[number];

export function isSwitchable(name: string | undefined): name is Switchable {
  return SWITCHABLE.some((known) => known === name);
}

/** A source that makes what it needs, and removes it. */
export interface SwitchableSource extends ChangeSource {
  setup(): Promise<readonly string[]>;
  teardown(): Promise<readonly string[]>;
}

const tables = ['public.orders'];
const reconnect = { minDelayMs: 10, maxDelayMs: 100 };
/** A life that was killed keeps the next one waiting for so long. */
const leaseMs = 700;

export function makeSource(
  name: Switchable,
  connection: string,
  replaces?: Switchable,
): SwitchableSource {
  const slot = new URL(connection).pathname.slice(1);
  const common = { connection, tables, reconnect };
  switch (name) {
    case 'polling':
      return pollingSource({ ...common, leaseMs, intervalMs: { min: 10, max: 100 }, replaces });
    case 'listen-notify':
      return listenNotifySource({
        ...common,
        leaseMs,
        pruneIntervalMs: 50,
        replaces: replaces === 'listen-notify' ? undefined : replaces,
      });
    case 'replication':
      return replicationSource({
        ...common,
        slot,
        publication: slot,
        replaces: replaces === 'replication' ? undefined : replaces,
      });
  }
}
