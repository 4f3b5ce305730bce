export { pollingSource } from './polling-source.ts';

export type { SetupOptions } from '@certyo-cdc/postgres';
export type {
  HardDeleteCapability,
  PollingCapabilities,
  TableCapabilities,
} from './capabilities.ts';
export type {
  HardDeletes,
  IdCursor,
  PollingCursor,
  PollingSourceOptions,
  PollingTable,
  TimestampCursor,
  XidCursor,
} from './options.ts';
export type { PollingSource } from './polling-source.ts';
