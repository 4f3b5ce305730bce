export { createRowChange } from './row/row-change.ts';
export { createRowDescriptor } from './row/row-descriptor.ts';
export { createLogicalMessage, createSchemaChange, createTruncate } from './row/table-events.ts';
export {
  NOT_SENT,
  SPAN_NOT_SENT,
  SPAN_NULL,
  SPAN_UNAVAILABLE,
  tupleFromTexts,
  UNAVAILABLE,
} from './row/tuple.ts';
export { parseRecordText } from './values/record-text.ts';
export { readTypeDescriptors, TYPE_KINDS } from './values/type-descriptor.ts';
export { createTypeRegistry, restoreTypeRegistry } from './values/type-registry.ts';

export type { RowChangeOptions } from './row/row-change.ts';
export type { RowColumn, RowDescriptor, RowDescriptorOptions } from './row/row-descriptor.ts';
export type {
  LogicalMessageOptions,
  SchemaChangeOptions,
  TableEventOptions,
  TruncateOptions,
} from './row/table-events.ts';
export type { Tuple, TupleText } from './row/tuple.ts';
export type { TypeDescriptor, TypeKind, TypeQuery } from './values/type-descriptor.ts';
export type { TypeRegistry, TypeUse } from './values/type-registry.ts';
export type { ValueCodec } from './values/value-codec.ts';
