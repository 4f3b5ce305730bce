import { describe, expect, test } from 'vitest';

import { rowChange, table } from '../certyo/test-event.ts';
import { TableVersions } from './table-version.ts';

const names = (version: { readonly columns: readonly { readonly name: string }[] }): string =>
  version.columns.map(({ name }) => name).join(' ');

describe('TableVersions', () => {
  test('holds the columns that rows show, by name, and is the same wherever they are the same', () => {
    const versions = new TableVersions(new Set(['status']));
    const one = rowChange({
      table: table(['b', 'id', 'own', 'status', 'a']),
      after: { id: 1, a: 2, status: 'x' },
      unavailable: ['b'],
    });
    const other = rowChange({ table: table(['id', 'a', 'b']), after: { a: 1, b: 2, id: 3 } });
    expect(names(versions.of(one))).toBe('a b id');
    expect(versions.of(one).fingerprint).toBe(versions.of(other).fingerprint);
    expect(versions.of(one)).toBe(versions.of(one));
  });

  test('another name, type or key makes another version', () => {
    const versions = new TableVersions(new Set());
    const base = table(['id', 'a']);
    const after = { id: 1, a: 2, c: 3 };
    const tables = [
      base,
      table(['id', 'c']),
      table(['id', 'a'], ['id', 'a']),
      { ...base, columns: base.columns.map((column) => ({ ...column, typeName: 'bigint' })) },
    ];
    const fingerprints = tables.map(
      (each) => versions.of(rowChange({ table: each, after })).fingerprint,
    );
    expect(new Set(fingerprints).size).toBe(4);
    const nullable = base.columns.map((column) => ({ ...column, nullable: null, typeOid: 7 }));
    const same = versions.of(rowChange({ table: { ...base, columns: nullable }, after }));
    expect(same.fingerprint).toBe(fingerprints[0]);
  });

  test('a delete, which may show its key alone, does not settle what the version is', () => {
    const versions = new TableVersions(new Set());
    const shared = table(['id', 'a', 'own']);
    const gone = rowChange({ table: shared, operation: 'delete', before: { id: 1 } });
    expect(names(versions.of(gone))).toBe('a id own');
    versions.of(rowChange({ table: shared, after: { id: 1, a: 2 } }));
    expect(names(versions.of(gone))).toBe('a id');
  });
});
