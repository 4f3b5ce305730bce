import type { QualifiedName } from '@certyo-cdc/postgres';

/** Names of what payload mode needs in the captured database. */
export interface PayloadObjects {
  /** `<notifier>_notify`: the function of all its triggers. */
  readonly function: QualifiedName;
  /** `<notifier>_secret`: one row with the keys that payloads are signed with. */
  readonly secret: QualifiedName;
  /** `certyo_<notifier>`. */
  readonly channel: string;
  /** A setting in which a transaction counts what it has sent. Anybody can set it: nothing that matters depends on it. */
  readonly counter: string;
  /** The names of the triggers on each table, by what they are for. */
  readonly triggers: {
    readonly row: string;
    readonly key: string;
    readonly deleted: string;
    readonly truncated: string;
  };
}

/** Names them. */
export function payloadObjects(of: {
  readonly notifier: string;
  readonly stateSchema: string;
}): PayloadObjects {
  const { notifier, stateSchema } = of;
  const named = (suffix: string): QualifiedName => ({
    schema: stateSchema,
    name: `${notifier}_${suffix}`,
  });
  return {
    function: named('notify'),
    secret: named('secret'),
    channel: `certyo_${notifier}`,
    counter: `certyo.${notifier}_bytes`,
    triggers: {
      row: `certyo_${notifier}_row`,
      key: `certyo_${notifier}_key`,
      deleted: `certyo_${notifier}_deleted`,
      truncated: `certyo_${notifier}_truncated`,
    },
  };
}
