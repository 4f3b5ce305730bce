import type { SetupStatement } from '@certyo-cdc/postgres';

/** Something that is not as polling needs it, and the SQL that mends it. */
export interface Problem {
  readonly what: string;
  readonly sql: readonly SetupStatement[];
  /** Who mends it: `setup` does, or a person has to decide. */
  readonly mendedBy: 'setup' | 'person';
  /** What a start makes of it: a refusal (a gap where a checkpoint exists and changes may have been missed), or a warning. */
  readonly severity: 'gap' | 'error' | 'warning';
  /** Code of the warning. */
  readonly code: string;
  /**
   * True for a trigger that is there and enabled, but not as this version of the library makes it: as long as it is the one
   * that was there before, it has captured as that version does.
   */
  readonly differs: boolean;
}

/** The members that differ from an error that setup mends. */
export type ProblemKind = Partial<Pick<Problem, 'mendedBy' | 'severity' | 'code' | 'differs'>>;

/** Makes a problem. Without more it is an error that setup mends. */
export function problem(
  what: string,
  sql: readonly (string | SetupStatement)[],
  kind: ProblemKind = {},
): Problem {
  return {
    what,
    sql: sql.map((one) => (typeof one === 'string' ? { sql: one } : one)),
    mendedBy: kind.mendedBy ?? 'setup',
    severity: kind.severity ?? 'error',
    code: kind.code ?? 'SETUP_INCOMPLETE',
    differs: kind.differs ?? false,
  };
}

/** Something that a person has to mend before anything else. */
export function blocking(what: string, ...sql: readonly string[]): Problem {
  return problem(what, sql, { mendedBy: 'person' });
}

/** Something that is allowed but should be known. */
export function warning(code: string, what: string, ...sql: readonly string[]): Problem {
  return problem(what, sql, { mendedBy: 'person', severity: 'warning', code });
}
