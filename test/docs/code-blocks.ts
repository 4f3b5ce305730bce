/** A fenced block of TypeScript in a Markdown file. */
export interface CodeBlock {
  readonly file: string;
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly code: string;
}

/** The `ts` blocks of a Markdown text. A block whose fence says `ts ignore` is left out. */
export function codeBlocks(file: string, markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; lines: string[]; keep: boolean } | null = null;
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^\s*```\s*(.*)$/.exec(text);
    if (fence === null) {
      open?.lines.push(text);
    } else if (open === null) {
      open = { line: index + 1, lines: [], keep: /^(ts|typescript)$/.test(fence[1] ?? '') };
    } else {
      if (open.keep) {
        blocks.push({ file, line: open.line, code: `${open.lines.join('\n')}\n` });
      }
      open = null;
    }
  }
  return blocks;
}
