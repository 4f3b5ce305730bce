/**
 * What a message of pgoutput shows, read by itself and not by what the library reads it with.
 *
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export type Fact = string;

const letterAt = (bytes: Buffer, at: number): string => String.fromCharCode(bytes[at] ?? 0);

/**
 * The message's letter, and what distinguishes it from others with the same: `U:K` is an update with the old key, `col:u`
 * an unchanged value that was left out.
 *
 * @param isStreamed Within a piece of a transaction in progress most messages carry an xid behind their letter.
 */
export function factsOf(message: Buffer, isStreamed: boolean): readonly Fact[] {
  const kind = letterAt(message, 0);
  const at = isStreamed ? 5 : 1;
  switch (kind) {
    case 'I':
      return [kind, ...tuple(message, at + 5).kinds];
    case 'U':
    case 'D':
      return rowFacts(message, kind, at + 4);
    case 'T': {
      const flags = message[at + 4] ?? 0;
      return [kind, ...((flags & 1) > 0 ? ['T:cascade'] : []), ...(flags > 1 ? ['T:restart'] : [])];
    }
    case 'M':
      return [message[at] === 1 ? 'M:transactional' : 'M:alone'];
    case 'A': {
      const isWhole = message.readUInt32BE(1) === message.readUInt32BE(5);
      return [isWhole ? 'A' : 'A:sub', ...(message.length > 9 ? ['A:lsn'] : [])];
    }
    default:
      return [kind];
  }
}

function rowFacts(message: Buffer, kind: string, at: number): readonly Fact[] {
  const tag = letterAt(message, at);
  const first = tuple(message, at + 1);
  const facts = [tag === 'N' ? kind : `${kind}:${tag}`, ...first.kinds];
  if (kind === 'D' || tag === 'N') return facts;
  return [...facts, ...tuple(message, first.end + 1).kinds];
}

/** The kinds of the columns of a tuple, and where it ends. */
function tuple(message: Buffer, from: number): { readonly kinds: Fact[]; readonly end: number } {
  const kinds = new Set<Fact>();
  let at = from + 2;
  for (let left = message.readUInt16BE(from); left > 0; left -= 1) {
    const kind = letterAt(message, at);
    kinds.add(`col:${kind}`);
    at += 1;
    if (kind === 't' || kind === 'b') at += 4 + message.readInt32BE(at);
  }
  return { kinds: [...kinds], end: at };
}
