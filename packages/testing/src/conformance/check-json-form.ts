import {
  canonicalJson,
  type ChangeEvent,
  changeEventSchema,
  type JsonValue,
  parseJson,
} from '@certyo-cdc/core';

/**
 * Throws where `changeEventSchema` refuses the JSON form of an event, or where what it reads is not what was written: digit
 * by digit through `canonicalJson` and `parseJson`, and member by member through `JSON.stringify`.
 */
export function checkJsonForm(event: ChangeEvent): void {
  const exact = canonicalJson(event.toJSON());
  const plain = JSON.stringify(event);
  const pairs = [
    [exact, parseJson(exact)],
    [canonicalJson(JSON.parse(plain) as JsonValue), JSON.parse(plain) as unknown],
  ] as const;
  for (const [written, parsed] of pairs) {
    const read = canonicalJson(changeEventSchema.parse(parsed) as unknown as JsonValue);
    if (read !== written) {
      throw new Error(`The JSON form of event ${event.id} does not come back as it was written.`);
    }
  }
}
