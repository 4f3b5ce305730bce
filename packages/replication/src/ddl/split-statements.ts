/** One statement of an SQL text. */
export interface SqlStatement {
  /** Without what stands around it: white space, comments before its first word, the semicolon. */
  readonly text: string;
  /** Its first words in capitals, with one space between them. */
  readonly words: string;
}

/** What can hold a semicolon that ends no statement. */
const PIECE =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*|(?<![\w$\u0080-\uffff])\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|;/gu;

const ESCAPES = /(?<![\w$\u0080-\uffff])e$/iu;

/**
 * Splits an SQL text into its statements, as the server does that runs them one after the other.
 *
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function splitStatements(sql: string): readonly SqlStatement[] {
  const statements: SqlStatement[] = [];
  let from = 0;
  let at = 0;
  while (at < sql.length) {
    PIECE.lastIndex = at;
    const match = PIECE.exec(sql);
    if (match === null) break;
    const [piece] = match;
    if (piece === ';') {
      add(statements, sql.slice(from, match.index));
      from = match.index + 1;
    }
    at = endOf(sql, match.index, piece);
  }
  add(statements, sql.slice(from));
  return statements;
}

function endOf(sql: string, start: number, piece: string): number {
  if (piece.startsWith("'") && ESCAPES.test(sql.slice(Math.max(0, start - 2), start))) {
    return endOfEscapedString(sql, start + 1);
  }
  if (piece === '/*') return endOfComment(sql, start);
  if (piece.startsWith('$')) {
    const end = sql.indexOf(piece, start + piece.length);
    return end < 0 ? sql.length : end + piece.length;
  }
  return start + piece.length;
}

/** In E'…' a backslash takes away the meaning of the quote behind it. */
function endOfEscapedString(sql: string, start: number): number {
  let at = start;
  while (at < sql.length) {
    const char = sql[at];
    if (char === '\\') at += 2;
    else if (char !== "'") at += 1;
    else if (sql[at + 1] === "'") at += 2;
    else return at + 1;
  }
  return sql.length;
}

/** Comments of this kind nest. */
function endOfComment(sql: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const opening = sql.indexOf('/*', at);
    const closing = sql.indexOf('*/', at);
    if (closing < 0) return sql.length;
    const opensFirst = opening >= 0 && opening < closing;
    depth += opensFirst ? 1 : -1;
    at = (opensFirst ? opening : closing) + 2;
  } while (depth > 0);
  return at;
}

function add(statements: SqlStatement[], piece: string): void {
  const text = withoutLeadingComments(piece);
  if (text === '') return;
  const words = /^(?:[a-z_]+\s*){1,4}/iu.exec(text)?.[0] ?? '';
  statements.push({ text, words: words.trim().replaceAll(/\s+/gu, ' ').toUpperCase() });
}

function withoutLeadingComments(piece: string): string {
  let text = piece.trim();
  for (;;) {
    if (text.startsWith('--')) {
      const end = text.indexOf('\n');
      text = end < 0 ? '' : text.slice(end).trim();
    } else if (text.startsWith('/*')) {
      text = text.slice(endOfComment(text, 0)).trim();
    } else return text;
  }
}
