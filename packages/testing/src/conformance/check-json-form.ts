import { type ChangeEvent, changeEventSchema, JsonNumber } from '@certyo-cdc/core';

/**
 * Throws where `changeEventSchema` refuses the JSON form of an event, or where what it reads is not what was written: as
 * `toJSON()` gives it, with numbers of any size, and after a way through JSON text.
 */
export function checkJsonForm(event: ChangeEvent): void {
  for (const written of [event.toJSON(), JSON.parse(JSON.stringify(event)) as unknown]) {
    if (print(changeEventSchema.parse(written)) !== print(written)) {
      throw new Error(`The JSON form of event ${event.id} does not come back as it was written.`);
    }
  }
}

/** With names in order. Not canonical JSON, which refuses lone surrogates; they may stand in a `json` column. */
function print(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (JsonNumber.is(value)) return value.text;
  if (Array.isArray(value)) return `[${value.map(print).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${print(member)}`).join(',')}}`;
}
