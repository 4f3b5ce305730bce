import { scanScalar, scanString } from '../../json/internal/json-scanner.ts';

/** Members of a minified JSON object by their name's token, each as text. */
export function splitMembers(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let offset = 1;
  while (text.charCodeAt(offset) === 0x22) {
    const endOfName = scanString(text, offset);
    const endOfValue = skipValue(text, endOfName + 1);
    members.set(
      JSON.parse(text.slice(offset, endOfName)) as string,
      text.slice(endOfName + 1, endOfValue),
    );
    offset = endOfValue + 1;
  }
  return members;
}

/** Writes members as an object, sorted by the UTF-8 bytes of their names. */
export function joinMembers(members: ReadonlyMap<string, string>): string {
  const sorted = [...members].sort(([left], [right]) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

function skipValue(text: string, at: number): number {
  let offset = at;
  let depth = 0;
  do {
    const code = text.charCodeAt(offset);
    if (code === 0x7b || code === 0x5b) {
      depth += 1;
      offset += 1;
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      offset += 1;
    } else if (code === 0x2c || code === 0x3a) {
      offset += 1;
    } else {
      offset = scanScalar(text, offset);
    }
  } while (depth > 0);
  return offset;
}
