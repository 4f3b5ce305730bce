import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { codeBlocks, type CodeBlock } from './code-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function* markdownFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!/^(node_modules|dist|\..*|api|coverage)$/.test(entry.name)) {
        yield* markdownFiles(join(folder, entry.name));
      }
    } else if (entry.name.endsWith('.md')) {
      yield join(folder, entry.name);
    }
  }
}

const blocks: readonly CodeBlock[] = [...markdownFiles(root)]
  .sort()
  .flatMap((path) => codeBlocks(relative(root, path), readFileSync(path, 'utf8')));

/** Type-checks the blocks as if they were files of `test/`, under the settings of this repository. */
function check(texts: ReadonlyMap<string, string>): readonly string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  // An example may name something that it does not use.
  const relaxed: ts.CompilerOptions = {
    ...options,
    noUnusedLocals: false,
    noUnusedParameters: false,
    noPropertyAccessFromIndexSignature: false,
    isolatedDeclarations: false,
    declaration: false,
  };
  const host = ts.createCompilerHost(relaxed);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language, true);
  };
  const program = ts.createProgram([...texts.keys()], relaxed, host);
  return [...texts.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ messageText, start = 0 }) => {
        const line = file?.getLineAndCharacterOfPosition(start).line ?? 0;
        return `${path}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
}

const virtual = (name: string): string => join(root, 'test', 'docs', name);

test('a mistake in an example would be found', () => {
  const code = `import { CdcError } from '@certyo-cdc/core';\nexport const n: number = CdcError;\n`;
  const found = check(new Map([[virtual('mistake.ts'), code]]));
  expect(found).toEqual([expect.stringContaining('mistake.ts:1: Type')]);
});

test('the examples of the documentation type-check', { timeout: 300_000 }, () => {
  expect(blocks.map(({ file }) => file)).toContain('README.md');
  const texts = new Map(
    blocks.map(({ file, line, code }) => [
      virtual(`${file.replaceAll(/[/.]/g, '-')}-line-${line}.ts`),
      // Without this a block without import or export would share its names with the others.
      `${code}export {};\n`,
    ]),
  );
  expect(check(texts)).toEqual([]);
});
