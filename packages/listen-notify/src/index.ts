export { listenNotifySource } from './listen-notify-source.ts';
export { notifications } from './notifications/notifications.ts';

export type { SetupOptions, TableName } from '@certyo-cdc/postgres';
export type { DurableSource } from './durable-source.ts';
export type { ListenNotifySourceOptions } from './listen-notify-source.ts';
export type { ListenerOptions } from './listener/listener-options.ts';
export type { WhenFull } from './notifications/notification-buffer.ts';
export type {
  Notification,
  NotificationItem,
  NotificationsMissed,
} from './notifications/notification-item.ts';
export type { NotificationStream } from './notifications/notifications.ts';
export type { NotificationsOptions } from './notifications/options.ts';
export type { Doorbell, DurableSourceOptions } from './options.ts';
export type {
  CatchUpSource,
  PayloadSetupOptions,
  PayloadSourceOptions,
} from './payload/options.ts';
export type { PayloadSource } from './payload/payload-source.ts';
