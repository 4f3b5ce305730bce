/** For the packages of this project only: no part of the public API, may change in any version. */
export { type NamedTable, tableLabel } from './event/table-label.ts';
export { KEY_VALUE, type KeyReader } from './event/key-value.ts';
export { type RowWriter, WRITE_ROW } from './event/write-row.ts';
export { recordIdOf } from './certyo/event-drafts.ts';
export { payloadOf } from './certyo/sink-receipts.ts';
export { toDrafts } from './certyo/event-drafts.ts';
export { draftRules } from './certyo/sink-options.ts';
export { payloadText } from './certyo/record-draft.ts';
export { batchIterator } from './internal/batch-iterator.ts';
export { decimal } from './internal/decimal.ts';
export { nearestName } from './internal/nearest-name.ts';
export { abortable, onAbort } from './internal/on-abort.ts';
export {
  MAX_TIMER_MS,
  optionalText,
  optionalTimeout,
  refuseUnknownOptions,
  requireObject,
  wrongOption,
  wrongSecretOption,
} from './internal/option-checks.ts';
export { ByteWriter } from './json/byte-writer.ts';
export { ConstantBytes } from './json/constant-bytes.ts';
export { writeMinified } from './json/minify-json.ts';
export { isUnchangingJson, unchangingJson } from './json/unchanging-json.ts';
export { asArray, asObject, member, textMember } from './certyo/internal/json-access.ts';
export { OptionReader } from './internal/read-options.ts';
export { GatedCalls } from './pipeline/gated-calls.ts';
export { settleWithin } from './pipeline/settle-within.ts';
export { sleep, SYSTEM_TIME } from './pipeline/time.ts';
export type { DraftRules } from './certyo/event-drafts.ts';
export type { RecordDraft } from './certyo/record-draft.ts';
