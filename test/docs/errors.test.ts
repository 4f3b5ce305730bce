import { fileURLToPath } from 'node:url';
import { ERROR_CODES } from '@certyo-cdc/core';
import { expect, test } from 'vitest';

const HEAD = `# Errors

Every error of the library extends \`CdcError\`: \`code\` is one of the words below and never changes its meaning,
\`retryable\` says whether the same call may work later without anybody acting, \`remedy\` and the end of \`message\`
say what to do, \`cause\` is the error that led to it. Test with \`CdcError.is(error)\`: it also recognises errors of
another copy of the library (ESM beside CJS), which \`instanceof\` does not.

An aborted call rejects with the \`reason\` of its signal, not with an error of this list. No error carries a secret or
a value of a row.

A code that begins with \`GAP_\` says that completeness can no longer be proved. The pipeline stops in state \`gap\`; it
never skips. What to do is a decision for a person.

This file is made from \`ERROR_CODES\` (\`pnpm test test/docs -u\`).
`;

/** Each code with what happened, usual cause and remedy. */
function render(): string {
  const sections = Object.entries(ERROR_CODES).map(
    ([code, { happened, cause, remedy }]) =>
      `## ${code}\n\n${happened}\n\n- Usual cause: ${cause}\n- Remedy: ${remedy}\n`,
  );
  return [HEAD, ...sections].join('\n');
}

test('docs/errors.md is current', async () => {
  const file = fileURLToPath(new URL('../../docs/errors.md', import.meta.url));
  await expect(render()).toMatchFileSnapshot(file);
});
