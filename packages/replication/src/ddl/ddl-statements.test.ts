import { describe, expect, test } from 'vitest';
import type { KnownRelation, KnownRelations } from '../stream/known-relation.ts';
import { readDdlMessage, statementOf } from './ddl-message.ts';
import { DdlStatements } from './ddl-statements.ts';

const T: KnownRelation = { oid: 7, schema: 'public', name: 't', columns: [], key: ['id'] };
const KNOWN: KnownRelations = new Map([[T.oid, T]]);

function message(
  statement: string | null,
  table: { readonly oid?: number; readonly name?: string } = {},
  tag: string = 'ALTER TABLE',
): Buffer {
  const { oid = T.oid, name = T.name } = table;
  return Buffer.from(JSON.stringify({ tag, statement, tables: [{ oid, schema: 'public', name }] }));
}

describe(DdlStatements, () => {
  test('of several statements that were sent at once, each message is about its own', () => {
    const text = `BEGIN; INSERT INTO t VALUES ('ALTER TABLE t'); ALTER TABLE u ADD a int;
      ALTER TABLE t ADD a int; alter table T drop b; COMMIT`;
    const ddl = new DdlStatements();
    let known = ddl.note(message(text), KNOWN);
    expect(known.get(T.oid)?.statements).toEqual(['ALTER TABLE t ADD a int']);
    known = ddl.note(message(text), known);
    expect(known.get(T.oid)?.statements).toEqual([
      'ALTER TABLE t ADD a int',
      'alter table T drop b',
    ]);
    // Where some were rolled back, or there are more messages than statements that could be meant: nothing is guessed.
    expect(ddl.note(message(text), known)).toBe(known);
    // The transaction is read again from its beginning.
    ddl.reset();
    expect(ddl.note(message(text), KNOWN).get(T.oid)?.statements).toHaveLength(1);
    expect(KNOWN.get(T.oid)?.statements).toBeUndefined();
  });

  test('a table that is made again under its name is found by it', () => {
    const made = message('CREATE TABLE t (id int)', { oid: 8 }, 'CREATE TABLE');
    const known = new DdlStatements().note(made, KNOWN);
    expect(known.get(T.oid)?.statements).toEqual(['CREATE TABLE t (id int)']);
    expect(new DdlStatements().note(message('x', { oid: 9, name: 'u' }), KNOWN)).toBe(KNOWN);
  });

  test('what is kept for a table that gets no rows is limited; the oldest go first', () => {
    const ddl = new DdlStatements();
    let known = KNOWN;
    for (let i = 0; i < 9; i++) known = ddl.note(message(`${i}${' '.repeat(9_999)}.`), known);
    expect(
      known
        .get(T.oid)
        ?.statements?.map((text) => text[0])
        .join(''),
    ).toBe('345678');
  });

  test.each([
    ['no JSON', 'x'],
    ['no object', 'null'],
    ['no tables', '{"tag":"ALTER TABLE","statement":null}'],
    ['a table without oid', '{"tag":"","statement":"","tables":[{"schema":"s","name":"t"}]}'],
    ['no table', '{"tag":"","statement":"","tables":[null]}'],
    ['a statement that is no text', '{"tag":"","statement":1,"tables":[]}'],
  ])('a message of somebody else is passed over: %s', (_name, content) => {
    expect(readDdlMessage(Buffer.from(content))).toBeNull();
    expect(new DdlStatements().note(Buffer.from(content), KNOWN)).toBe(KNOWN);
  });
});

describe(statementOf, () => {
  const about = (statement: string | null, tag: string = 'ALTER TABLE'): string | null =>
    statementOf({ tag, statement, tables: [] }, 't', 0);

  test.each([
    ['SELECT migrate()', 'SELECT migrate()'],
    ['DO $$ BEGIN ALTER TABLE t ADD v int; END $$;', 'DO $$ BEGIN ALTER TABLE t ADD v int; END $$'],
    ['-- why\nALTER TABLE t ADD v int;', 'ALTER TABLE t ADD v int'],
    ['SELECT migrate(); SELECT 1', null],
    ['SAVEPOINT s; ALTER TABLE t ADD a int; ROLLBACK TO s; ALTER TABLE t ADD b int', null],
    ['ROLLBACK; ALTER TABLE t ADD b int', 'ALTER TABLE t ADD b int'],
    ['', null],
    [null, null],
  ])('of %j is %j', (statement, expected) => {
    expect(about(statement)).toBe(expected);
  });

  test('of a table that a query made', () => {
    expect(about('SELECT 1; SELECT * INTO t FROM u', 'SELECT INTO')).toBe('SELECT * INTO t FROM u');
    expect(about('DROP TABLE t; CREATE TABLE t AS SELECT 1', 'CREATE TABLE AS')).toBe(
      'CREATE TABLE t AS SELECT 1',
    );
  });
});
