import { hash } from 'node:crypto';

import { CdcError } from '@certyo-cdc/core';
import { type ColumnDescription, OWN_COLUMNS } from '@certyo-cdc/postgres';

import type { LedgerTable } from './newest-receipts.ts';
import type { RenderedRow, RowRenderer, RowView, ViewColumn } from './row-renderer.ts';
import { matchParts } from './unseen-values.ts';

/** The columns of an older version of the table, as they may be found in it now. */
interface Candidate {
  readonly view: RowView;
  /** Places of columns that are taken for renamed ones. */
  readonly renamed: readonly number[];
}

export interface OldMatch {
  /** The row as the record has it: under the columns of then. */
  readonly row: RenderedRow;
  /** Whether the record shows less than the row has now. */
  readonly isPartial: boolean;
}

const MOST_CANDIDATES = 64;
/** As many values of a renamed column have to be found again: one could be the default of a new column. */
const PROVING_VALUES = 2;

/** Integers are written the same under any of these names, but as JSON of the type that they had. */
const INTEGER_OIDS: Readonly<Record<string, number>> = { smallint: 21, integer: 23, bigint: 20 };

/**
 * Finds the columns of an older version of a table in the present one: added ones are left out, renamed ones are looked for among
 * those of the same type. That a fingerprint is met proves the choice; no wrong one meets it.
 */
export class OldColumns {
  readonly table: LedgerTable;
  readonly #renderer: RowRenderer;
  readonly #candidates: Candidate[];
  readonly #isPartial: boolean;
  readonly #gone: readonly string[];
  readonly #retyped: readonly string[];
  /** Digests of values of renamed columns under which records were met, by candidate and place. */
  readonly #proofs = new Map<Candidate, ReadonlyMap<number, Set<string>>>();

  constructor(table: LedgerTable, renderer: RowRenderer) {
    this.table = table;
    this.#renderer = renderer;
    const now = renderer.shape.columns;
    const names = new Set(table.columns.map(({ name }) => name));
    this.#gone = table.columns
      .filter(({ name }) => !now.some((column) => column.name === name))
      .map(({ name }) => name);
    this.#retyped = table.columns
      .filter(({ name, type }) => {
        const column = now.find((each) => each.name === name);
        return column !== undefined && !isReadAlike(type, column.typeName);
      })
      .map(({ name }) => name);
    const shown = renderer.shape.info.columns.length;
    this.#isPartial = shown > table.columns.length;
    const free = now.filter(
      ({ generated, name }) => !names.has(name) && generated === null && !OWN_COLUMNS.has(name),
    );
    this.#candidates = assignments(table, now, free)
      .slice(0, MOST_CANDIDATES)
      .flatMap((columns) => this.#candidate(columns) ?? []);
  }

  /** Whether the row is what a record of this version says. */
  match(texts: readonly (string | null)[], fingerprint: string): OldMatch | null {
    for (const candidate of this.#candidates) {
      const row = this.#render(texts, candidate);
      if (row?.fingerprint === fingerprint) {
        this.#note(candidate, texts);
        return { row, isPartial: this.#isPartial };
      }
    }
    for (const { view } of this.#candidates) {
      const row = matchParts(this.#renderer, view, texts, fingerprint);
      if (row !== null) return { row, isPartial: true };
    }
    return null;
  }

  /** Why nothing follows from a row that does not match; null where it has changed. */
  get obstacle(): string | null {
    const quoted = (names: readonly string[]): string =>
      names.map((name) => `"${name}"`).join(', ');
    if (this.#retyped.length > 0) return `${quoted(this.#retyped)} had another type`;
    if (this.#gone.length === 0) return null;
    if (this.#candidates.length === 0) return `${quoted(this.#gone)} is no column any more`;
    if (!this.#renderer.shape.hasDropped || this.#isProven()) return null;
    return `${quoted(this.#gone)} was dropped or renamed`;
  }

  #candidate(columns: readonly ViewColumn[]): Candidate | null {
    const keyNames = this.#renderer.shape.key.flatMap(
      ({ index }) => columns.find(({ place }) => place === index)?.column.name ?? [],
    );
    if (keyNames.length < this.#renderer.shape.key.length) return null;
    const gone = new Set(this.#gone);
    return {
      view: this.#renderer.view(columns, keyNames),
      renamed: columns.filter(({ column }) => gone.has(column.name)).map(({ place }) => place),
    };
  }

  #render(texts: readonly (string | null)[], { view }: Candidate): RenderedRow | null {
    try {
      return this.#renderer.render(texts, view);
    } catch (error) {
      // A mapping, or a policy, that does not know the old columns.
      if (CdcError.is(error)) return null;
      throw error;
    }
  }

  #note(candidate: Candidate, texts: readonly (string | null)[]): void {
    if (candidate.renamed.length === 0) return;
    let proof = this.#proofs.get(candidate);
    if (proof === undefined) {
      proof = new Map(candidate.renamed.map((place) => [place, new Set<string>()]));
      this.#proofs.set(candidate, proof);
    }
    for (const [place, values] of proof) {
      if (values.size >= PROVING_VALUES) continue;
      const text = texts[place] ?? null;
      values.add(text === null ? '' : hash('sha256', text, 'hex'));
    }
  }

  #isProven(): boolean {
    return [...this.#proofs.values()].some((proof) =>
      [...proof.values()].every(({ size }) => size >= PROVING_VALUES),
    );
  }
}

/** The ways to find the old columns among the present ones; none where one is certainly gone. */
function assignments(
  table: LedgerTable,
  now: readonly ColumnDescription[],
  free: readonly ColumnDescription[],
): readonly (readonly ViewColumn[])[] {
  let ways: (readonly ViewColumn[])[] = [[]];
  for (const old of table.columns) {
    const same = now.find(({ name }) => name === old.name);
    const choices =
      same === undefined ? free.filter((each) => isReadAlike(old.type, each.typeName)) : [same];
    const next: (readonly ViewColumn[])[] = [];
    for (const way of ways) {
      for (const choice of choices) {
        const place = now.indexOf(choice);
        if (next.length >= MOST_CANDIDATES || way.some((taken) => taken.place === place)) continue;
        const typeOid = INTEGER_OIDS[old.type] ?? choice.typeOid;
        const isInteger = Object.hasOwn(INTEGER_OIDS, choice.typeName);
        const column = {
          name: old.name,
          typeOid: isInteger ? typeOid : choice.typeOid,
          typeName: old.type,
          isKey: old.isKey,
          nullable: !choice.isNotNull,
        };
        next.push([...way, { place, column }]);
      }
    }
    ways = next;
  }
  return ways;
}

/** Whether values of one type are the same texts under the other. */
function isReadAlike(old: string, now: string): boolean {
  return old === now || kindOf(old) === kindOf(now);
}

function kindOf(type: string): string {
  if (Object.hasOwn(INTEGER_OIDS, type)) return 'integer';
  if (type === 'text' || /^character varying(\(\d+\))?$/u.test(type)) return 'text';
  const scale = /^numeric\(\d+,(?<scale>\d+)\)$/u.exec(type)?.groups?.['scale'];
  return scale === undefined ? type : `numeric of scale ${scale}`;
}
