export { notifications } from './notifications/notifications.ts';

export type { ListenerOptions } from './listener/listener-options.ts';
export type { WhenFull } from './notifications/notification-buffer.ts';
export type {
  Notification,
  NotificationItem,
  NotificationsMissed,
} from './notifications/notification-item.ts';
export type { NotificationStream } from './notifications/notifications.ts';
export type { NotificationsOptions } from './notifications/options.ts';
