import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Column } from './find-out.ts';
import { SECTIONS, SERVER_SECTION } from './rows.ts';

const FILE = fileURLToPath(new URL('../../../docs/conformance.md', import.meta.url));

export const DOCUMENTED_MAJORS: readonly number[] = [12, 13, 14, 15, 16, 17, 18];

const HEAD = `# Conformance

What the replication source does with each message and each option of pgoutput on each major version of PostgreSQL. Every
cell comes from a run against a server of that version: the messages are those that were seen on the library's own
connection, and the events that came of them were compared with what had been written.

| cell | meaning |
| --- | --- |
| yes | the server has it, the library uses it, and the events were right |
| no (\`42601\`) | the server does not have it: the SQLSTATE with which it refuses it |
| refused \`SOURCE_SETUP\` | the library refuses it before anything is read, with this code, and says what to do |
| not used | the server has it, and the library never asks for it; see below |
| left out | such columns are no part of the row |

What is not used, and why:

- \`binary\`: a value would come in the internal form of its type. All values are compared and signed as the text that
  PostgreSQL prints, which is the same for every source ([values](values.md)); text is also what a type nobody knows comes in.
- \`streaming\` parallel, and \`proto_version\` 4 that it needs: it adds to Stream Abort where and when the rollback was, for
  subscribers that apply a transaction before its end. Nothing leaves here before its commit.
- A temporary slot ends with its connection, and with it the certainty that nothing is missing.
`;

const TAIL = `
This file is made by \`UPDATE_DOCUMENT=1 pnpm campaign conformance\`; the tests compare it with what their servers do. PostgreSQL
12 and 13 are no longer maintained and run in that campaign only; see [server versions](server-versions.md).
`;

/** The document with these columns. */
export function renderDocument(columns: ReadonlyMap<number, Column>): string {
  const majors = DOCUMENTED_MAJORS;
  const tables = SECTIONS.map(({ title, rows }) => {
    const lines = rows.map(({ what }) => {
      const cells = majors.map((major) => columns.get(major)?.get(`${title}: ${what}`) ?? '?');
      return `| ${what} | ${cells.join(' | ')} |\n`;
    });
    return `\n## ${title}\n\n| | ${majors.join(' | ')} |\n| --- |${majors.map(() => ' --- |').join('')}\n${lines.join('')}`;
  });
  return [HEAD, ...tables, TAIL].join('');
}

/** The column of a major as the document has it. */
export function columnInDocument(text: string, major: number): Column {
  const column = new Map<string, string>();
  let title = '';
  let at = -1;
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) title = line.slice(3);
    if (title === '' || !line.startsWith('| ')) continue;
    const cells = line.split('|').map((cell) => cell.trim());
    const [, what = ''] = cells;
    if (what === '') at = cells.indexOf(String(major));
    else if (what !== '---') column.set(`${title}: ${what}`, cells[at] ?? '');
  }
  return column;
}

/** What the document says otherwise than a server. Another minor version than that of the document has its own defects. */
export function disagreements(found: Column, documented: Column): readonly string[] {
  const tested = `${SERVER_SECTION}: tested with`;
  const isSame = found.get(tested) === documented.get(tested);
  return [...new Set([...found.keys(), ...documented.keys()])]
    .filter((what) => isSame || !what.startsWith(SERVER_SECTION))
    .filter((what) => found.get(what) !== documented.get(what))
    .map((what) => `${what} is ${found.get(what) ?? '?'}, not ${documented.get(what) ?? '?'}`);
}

export async function readDocument(): Promise<string> {
  return await readFile(FILE, 'utf8').catch(() => '');
}

export async function writeDocument(text: string): Promise<void> {
  await writeFile(FILE, text);
}
