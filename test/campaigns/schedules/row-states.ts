import type { RowChange } from '@certyo-cdc/core';
import type { Client } from 'pg';
import type { Observed } from './run-schedule.ts';

/** Columns of a versioned row that are compared, with how SQL shows them. */
const COLUMNS = ['key', 'version', 'body'] as const;

/** What was wrong with rows before and after. */
export interface RowVerdict extends Readonly<Record<string, number>> {
  /** Changes that do not continue the one before, or came again as another. */
  readonly broken: number;
  /** Rows that are not as their changes have left them. */
  readonly different: number;
}

type Row = Readonly<Record<string, unknown>>;

function stateOf(row: Row): string {
  return COLUMNS.map((name) => String(row[name])).join(' ');
}

/**
 * Follows the rows of a table through its changes: each has to find the row as the one before it has left it, and a change
 * that comes again has to be the same.
 */
export class RowStates {
  readonly #states = new Map<string, string>();
  readonly #seen = new Map<string, string>();
  #broken = 0;

  /** Takes in the next change; a change of the key is the end of one row and the beginning of another. */
  take(event: RowChange): readonly Observed[] {
    const { after, before, id, operation } = event;
    const text = JSON.stringify([operation, before && stateOf(before), after && stateOf(after)]);
    const known = this.#seen.get(id);
    this.#seen.set(id, text);
    if (known === undefined) this.#follow(operation, before, after);
    else if (known !== text) this.#broken += 1;
    if (before !== null && (after === null || before['key'] !== after['key'])) {
      const ended = {
        id: after === null ? id : `${id}/before`,
        key: Number(before['key']),
        version: Number(before['version']) + 1,
        operation: 'delete',
      } as const;
      return after === null ? [ended] : [ended, versionOf(id, after, 'insert')];
    }
    return after === null
      ? []
      : [versionOf(id, after, operation === 'insert' ? 'insert' : 'update')];
  }

  /** What was wrong when all is read, with the rows of the table from this key on as they are then. */
  async verdict(client: Client, table: string, firstKey: number): Promise<RowVerdict> {
    const { rows } = await client.query<{ readonly state: string }>(
      `SELECT pg_catalog.concat_ws(' ', ${COLUMNS.join(', ')}) AS state FROM ${table} WHERE key >= $1`,
      [firstKey],
    );
    const held = new Set(this.#states.values());
    const missing = rows.filter(({ state }) => !held.delete(state));
    return { broken: this.#broken, different: missing.length + held.size };
  }

  #follow(operation: string, before: Row | null, after: Row | null): void {
    const isWhole =
      (operation === 'insert') === (before === null) &&
      (operation === 'delete') === (after === null);
    let fits = isWhole;
    if (before !== null) {
      const key = String(before['key']);
      fits &&= this.#states.get(key) === stateOf(before);
      this.#states.delete(key);
    }
    if (after !== null) {
      const key = String(after['key']);
      fits &&= !this.#states.has(key);
      this.#states.set(key, stateOf(after));
    }
    if (!fits) this.#broken += 1;
  }
}

function versionOf(id: string, row: Row, operation: 'insert' | 'update'): Observed {
  return { id, key: Number(row['key']), version: Number(row['version']), operation };
}
