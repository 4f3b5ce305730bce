import type {
  AcceptedGap,
  LogicalMessage,
  RowChange,
  SchemaChange,
  Truncate,
} from './change-event.ts';

/** A row change as its JSON form has it. */
export type RowChangeJson = Omit<RowChange, 'canonicalRow' | 'toJSON'>;

/** A truncate as its JSON form has it. */
export type TruncateJson = Omit<Truncate, 'toJSON'>;

/** A schema change as its JSON form has it. */
export type SchemaChangeJson = Omit<SchemaChange, 'toJSON'>;

/** A logical message as its JSON form has it: the content as `\x` and hexadecimal digits, like a `bytea`. */
export type LogicalMessageJson = Omit<LogicalMessage, 'content' | 'toJSON'> & {
  readonly content: string;
};

/** A gap that somebody has accepted as its JSON form has it. */
export type AcceptedGapJson = Omit<AcceptedGap, 'toJSON'>;

/**
 * What `toJSON()` of an event gives, and what `changeEventSchema` reads.
 *
 * After a way through `JSON.stringify` a number inside `json` or `jsonb` that JavaScript cannot hold is a text;
 * `canonicalJson` and `parseJson` keep it a number, digit by digit.
 */
export type ChangeEventJson =
  | RowChangeJson
  | TruncateJson
  | SchemaChangeJson
  | LogicalMessageJson
  | AcceptedGapJson;
