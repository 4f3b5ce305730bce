import * as z from 'zod/v4/core';

import { MappingError } from '../../errors/value-error.ts';
import type { RowChange } from '../../event/change-event.ts';
import type { JsonRow } from '../../event/json.ts';
import { printPath } from '../../json/canonical-json.ts';
import { redactedCause } from './redacted-cause.ts';
import { tableLabel } from '../../event/table-label.ts';

const NONE: ReadonlySet<string> = new Set();

/**
 * The row as the mapping's schema makes it. Of an incomplete row only the known columns are checked, one by one, and
 * reading another one throws.
 */
export function readRow(event: RowChange, schema: z.$ZodType | undefined, row: JsonRow): object {
  const missing = missingColumns(event, row);
  if (missing.size === 0) {
    return schema === undefined ? row : (parse(event, schema, row, []) as object);
  }
  return guard(event, partial(event, schema, row), missing);
}

/** Columns of the table that the row does not show. */
export function missingColumns(event: RowChange, row: JsonRow): ReadonlySet<string> {
  const { unavailable } = event;
  if (unavailable.length === 0 && row === event.after) return NONE;
  // A row that a policy has cut is whole for the mapping: what counts is what the source could not see.
  const missing = new Set(unavailable.filter((name) => !Object.hasOwn(row, name)));
  // Of an old row the source sees what the replica identity shows.
  if (row !== event.after) {
    for (const { name } of event.table.columns) if (!Object.hasOwn(row, name)) missing.add(name);
  }
  return missing;
}

function partial(event: RowChange, schema: z.$ZodType | undefined, row: JsonRow): object {
  if (!(schema instanceof z.$ZodObject)) return row;
  const shape = schema._zod.def.shape as Readonly<Record<string, z.$ZodType>>;
  const known = Object.create(null) as Record<string, unknown>;
  for (const [name, column] of Object.entries(shape)) {
    if (Object.hasOwn(row, name)) known[name] = parse(event, column, row[name], [name]);
  }
  return known;
}

function parse(
  event: RowChange,
  schema: z.$ZodType,
  value: unknown,
  path: readonly string[],
): unknown {
  let result: z.util.SafeParseResult<unknown>;
  try {
    result = z.safeParse(schema, value);
  } catch (error) {
    throw new MappingError(event.id, `The schema of ${tableName(event)} threw.`, {
      cause: redactedCause(error),
    });
  }
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => {
    const at = [...path, ...issue.path].map((step) =>
      typeof step === 'number' ? step : String(step),
    );
    return `\`${printPath(at)}\` (${issue.code})`;
  });
  throw new MappingError(
    event.id,
    `A row of ${tableName(event)} does not match its schema at ${wrong.join(', ')}.`,
    { remedy: 'Correct the schema in `recordMapper`: int8 and numeric values are texts.' },
  );
}

function guard(event: RowChange, row: object, missing: ReadonlySet<string>): object {
  return new Proxy(row, {
    get(target, name, receiver): unknown {
      if (typeof name === 'string' && missing.has(name) && !Object.hasOwn(target, name)) {
        throw new MappingError(
          event.id,
          `The mapping of ${tableName(event)} reads \`${name}\`, which this ${event.operation} does not show.`,
          { remedy: `Run: ALTER TABLE ${tableName(event)} REPLICA IDENTITY FULL;` },
        );
      }
      return Reflect.get(target, name, receiver);
    },
  });
}

export function tableName(event: RowChange): string {
  return tableLabel(event.table);
}
