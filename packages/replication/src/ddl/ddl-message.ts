import { OWN_MESSAGE_PREFIX } from '../stream/own-messages.ts';
import { splitStatements } from './split-statements.ts';

/** What the event trigger writes into the log when a command has altered or made tables. */
export interface DdlMessage {
  /** The command, for example `ALTER TABLE`. */
  readonly tag: string;
  /** What the client sent, with all its statements; null where that is too long to be kept. */
  readonly statement: string | null;
  readonly tables: readonly {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
  }[];
}

/** The prefix of the messages; a trigger of another schema belongs to another source. */
export function ddlMessagePrefix(stateSchema: string): string {
  return `${OWN_MESSAGE_PREFIX} ddl ${stateSchema}`;
}

/** Reads the content of a message; null for what the trigger did not write: anybody may write messages. */
export function readDdlMessage(content: Uint8Array): DdlMessage | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(content));
  } catch {
    return null;
  }
  const message = parsed as Partial<DdlMessage> | null;
  const isMessage =
    typeof message === 'object' &&
    message !== null &&
    typeof message.tag === 'string' &&
    (message.statement === null || typeof message.statement === 'string') &&
    Array.isArray(message.tables) &&
    message.tables.every(
      (table: Partial<DdlMessage['tables'][number]> | null) =>
        typeof table?.oid === 'number' &&
        typeof table.schema === 'string' &&
        typeof table.name === 'string',
    );
  return isMessage ? (message as DdlMessage) : null;
}

/**
 * The one statement that a message is about, or null where it cannot be told.
 *
 * The server only knows the whole text that the client sent. Of several statements in it, the ones of the message's command
 * that name the table come in question, and they are run in order.
 *
 * @param nth How many messages about this table came before with the same text, in the same transaction.
 */
export function statementOf(message: DdlMessage, table: string, nth: number): string | null {
  if (message.statement === null) return null;
  const all = splitStatements(message.statement);
  // A function or DO block: what it ran nobody knows, what ran it is told.
  if (all.length <= 1) return all[0]?.text ?? null;
  const named = all.filter(
    ({ text, words }) => isOf(message.tag, words, text) && mentions(text, table),
  );
  // Which of them were rolled back cannot be seen: no message is left of those.
  const isUndone = all.some(
    ({ words }) => words.startsWith('ROLLBACK') || words.startsWith('ABORT'),
  );
  return isUndone && named.length > 1 ? null : (named[nth]?.text ?? null);
}

function isOf(tag: string, words: string, text: string): boolean {
  if (tag === 'SELECT INTO') return /\binto\b/iu.test(text) && !/^(?:INSERT|MERGE)\b/u.test(words);
  const [command] = tag.split(' ');
  return words.startsWith(`${command ?? ''} `) && /\bTABLE\b/u.test(words);
}

function mentions(text: string, table: string): boolean {
  const name = table.replaceAll('"', '""').replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?<![\w$])${name}(?![\w$])`, 'iu').test(text);
}
