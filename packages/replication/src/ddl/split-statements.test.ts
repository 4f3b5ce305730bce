import { describe, expect, test } from 'vitest';
import { splitStatements } from './split-statements.ts';

describe(splitStatements, () => {
  test.each<readonly [string, readonly string[]]>([
    ['', []],
    [' ; ;; ', []],
    ['ALTER TABLE t ADD v int', ['ALTER TABLE t ADD v int']],
    ['BEGIN; SELECT 1;\nCOMMIT', ['BEGIN', 'SELECT 1', 'COMMIT']],
    [`SELECT ';', "a;b", 'it''s;'; SELECT 2`, [`SELECT ';', "a;b", 'it''s;'`, 'SELECT 2']],
    [String.raw`SELECT E'\';', e'\\'; SELECT 2`, [String.raw`SELECT E'\';', e'\\'`, 'SELECT 2']],
    [String.raw`SELECT '\'; SELECT 2`, [String.raw`SELECT '\'`, 'SELECT 2']],
    ['DO $$ BEGIN; END $$; SELECT 2', ['DO $$ BEGIN; END $$', 'SELECT 2']],
    ['DO $a$ $$;$b$; $a$; SELECT $1; SELECT 2', ['DO $a$ $$;$b$; $a$', 'SELECT $1', 'SELECT 2']],
    ['SELECT a$b$ ; SELECT c$b$', ['SELECT a$b$', 'SELECT c$b$']],
    ['SELECT 1 -- a; b\n; SELECT 2', ['SELECT 1 -- a; b', 'SELECT 2']],
    ['/* a; /* b; */ c; */ SELECT 1; -- d;\n SELECT 2', ['SELECT 1', 'SELECT 2']],
    ["SELECT 'never closed; SELECT 2", ["SELECT 'never closed", 'SELECT 2']],
    ['SELECT $a$ never closed; SELECT 2', ['SELECT $a$ never closed; SELECT 2']],
    ['/* never closed; SELECT 2', []],
  ])('%j', (sql, expected) => {
    expect(splitStatements(sql).map(({ text }) => text)).toEqual(expected);
  });

  test.each([
    ['alter\n  table only t add v int', 'ALTER TABLE ONLY T'],
    ['CREATE TABLE"t" (id int)', 'CREATE TABLE'],
    ['ALTER TABLE s.t ADD v int', 'ALTER TABLE S'],
    ['(SELECT 1)', ''],
  ])('the first words of %j are %j', (sql, words) => {
    expect(splitStatements(sql)[0]?.words).toBe(words);
  });
});
