import { isNamedAs, type KnownRelation, type KnownRelations } from '../stream/known-relation.ts';
import { readDdlMessage, statementOf } from './ddl-message.ts';

/** Statements about a table are kept until its next row; the oldest go first. */
const MAX_KEPT_CHARACTERS = 64 * 1024;

/**
 * Notes the statements that altered a table until its next description in the stream shows what they did. They are kept
 * with what is known of the table, and so with the checkpoint: the row may come long after.
 */
export class DdlStatements {
  /** How many messages of the open transaction were about a table and a text. */
  readonly #seen = new Map<string, number>();

  /** Call it when a transaction ended or is read again from its beginning. */
  reset(): void {
    this.#seen.clear();
  }

  /** What is known of the tables, with what the message says about them; the same map where that is nothing. */
  note(content: Uint8Array, known: KnownRelations): KnownRelations {
    const message = readDdlMessage(content);
    if (message === null) return known;
    let noted: Map<number, KnownRelation> | null = null;
    for (const table of message.tables) {
      const entry = `${table.oid} ${message.tag} ${message.statement ?? ''}`;
      const nth = this.#seen.get(entry) ?? 0;
      this.#seen.set(entry, nth + 1);
      const relation = known.get(table.oid) ?? relationNamed(known, table);
      const statement = statementOf(message, table.name, nth);
      if (relation === null || statement === null) continue;
      noted ??= new Map(known);
      const earlier = noted.get(relation.oid)?.statements ?? [];
      noted.set(relation.oid, { ...relation, statements: withinLimit([...earlier, statement]) });
    }
    return noted ?? known;
  }
}

/** The table that bears a name, or null. */
export function relationNamed(
  known: KnownRelations,
  table: { readonly schema: string; readonly name: string },
): KnownRelation | null {
  for (const relation of known.values()) if (isNamedAs(relation, table)) return relation;
  return null;
}

function withinLimit(statements: readonly string[]): readonly string[] {
  let characters = 0;
  let from = statements.length;
  while (from > 0) {
    characters += statements[from - 1]?.length ?? 0;
    if (characters > MAX_KEPT_CHARACTERS) break;
    from -= 1;
  }
  return statements.slice(from);
}
