/** One notification as the server sent it. Any role that can log in can send one: its content is not to be trusted. */
export interface Notification {
  readonly type: 'notification';
  readonly channel: string;
  /** At most 7,999 bytes; the empty text where none was given. */
  readonly payload: string;
  /** Server process (`pg_backend_pid()`) of the sender. */
  readonly processId: number;
}

/**
 * Notifications may have been lost: those of a time without connection, because the server keeps them for nobody, or those
 * that were discarded because they were not taken. Read what the notifications are about; from here on, none is missing.
 */
export interface NotificationsMissed {
  readonly type: 'missed';
  /** Milliseconds since 1970 by the local clock: what was sent before has been handed over. */
  readonly sinceMs: number;
}

/** What `notifications()` gives. */
export type NotificationItem = Notification | NotificationsMissed;
