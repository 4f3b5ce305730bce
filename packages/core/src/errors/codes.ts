/** What a code means. */
export interface ErrorCodeDescription {
  readonly happened: string;
  readonly cause: string;
  readonly remedy: string;
}

/** Every code that an error of this library can carry. */
export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'PIPELINE_STATE'
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_LOGIN_REFUSED'
  | 'SOURCE_TLS'
  | 'SOURCE_SETUP'
  | 'SOURCE_BUSY'
  | 'SOURCE_PROTOCOL'
  | 'SOURCE_SPOOL'
  | 'NOTIFICATIONS_OVERFLOW'
  | 'VALUE_UNREPRESENTABLE'
  | 'VALUE_UNAVAILABLE'
  | 'MAPPING_FAILED'
  | 'GAP_SLOT_MISSING'
  | 'GAP_SLOT_LOST'
  | 'GAP_SLOT_AHEAD'
  | 'GAP_POSITION_AHEAD'
  | 'GAP_TIMELINE'
  | 'GAP_CHECKPOINT_FOREIGN'
  | 'GAP_TYPE_UNKNOWN'
  | 'GAP_PUBLICATION'
  | 'GAP_LOG'
  | 'GAP_TRIGGER'
  | 'GAP_TABLE'
  | 'GAP_SWITCH'
  | 'GAP_IDENTITY'
  | 'GAP_IN_STREAM'
  | 'GAP_CONSUMER_DETACHED'
  | 'DELIVERY_CONNECTION'
  | 'DELIVERY_TIMEOUT'
  | 'HTTP_STATUS'
  | 'API_KEY_REFUSED'
  | 'REDIRECT_REFUSED'
  | 'RESPONSE_INVALID'
  | 'RECORD_REJECTED'
  | 'RETRIES_EXHAUSTED'
  | 'CHECKPOINT_STORE'
  | 'CHECKPOINT_FENCED'
  | 'DEAD_LETTER_STORE'
  | 'RECEIPT_STORE'
  | 'WINDOW_STORE'
  | 'WRITE_BACK'
  | 'WRITE_BACK_LOOP';

/** Every code that an error of this library can carry. A code never changes its meaning. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeDescription>> = {
  CONFIG_INVALID: {
    happened: 'An option is missing, of the wrong type or out of range.',
    cause: 'A typing mistake, or an environment variable that is not set.',
    remedy: 'Correct the option that the message names.',
  },
  PIPELINE_STATE: {
    happened: 'A method was called in a state in which it has no meaning.',
    cause: 'For example start() twice, or redrive() before start().',
    remedy: 'Look at status().state before the call.',
  },
  SOURCE_UNREACHABLE: {
    happened: 'The connection to PostgreSQL could not be made or was lost.',
    cause: 'The server is down or restarting, or the network is.',
    remedy: 'None; the source tries again. When it lasts, check host, port and firewall.',
  },
  SOURCE_LOGIN_REFUSED: {
    happened: 'PostgreSQL refused the login.',
    cause: 'Wrong user, password, database or certificate, or no matching line in pg_hba.conf.',
    remedy: 'Correct the connection options, or pg_hba.conf.',
  },
  SOURCE_TLS: {
    happened: 'The TLS handshake with PostgreSQL failed.',
    cause:
      'The server offers no TLS, or its certificate is not signed by a known CA or names another host.',
    remedy: 'Give tls.ca; or choose a weaker tls.mode knowingly.',
  },
  SOURCE_SETUP: {
    happened: 'The server is not prepared for this source.',
    cause: 'A setting, privilege, publication, slot, table or replica identity is missing.',
    remedy: 'Run the SQL in the message, or source.setup().',
  },
  SOURCE_BUSY: {
    happened: 'The slot is in use by another connection, or a table to be looked at is locked.',
    cause:
      'Another instance runs, or the server has not yet noticed that the last one died; or a transaction holds ACCESS EXCLUSIVE on a captured table.',
    remedy: 'Stop the other instance, or wait; end the transaction that the error names.',
  },
  SOURCE_PROTOCOL: {
    happened: 'The server sent something that this version does not understand.',
    cause: 'A newer protocol, a proxy in between, or a defect.',
    remedy: 'Report it with the message.',
  },
  SOURCE_SPOOL: {
    happened: 'Transactions in progress could not be kept on disk. Nothing is lost.',
    cause:
      'They are larger than `streaming.maxBytes` together, the disk is full, or the folder is not ours.',
    remedy: 'Raise the limit, make room, or set another `streaming.directory`; then start again.',
  },
  NOTIFICATIONS_OVERFLOW: {
    happened: 'More notifications came than were taken.',
    cause: 'The consumer of notifications() is slower than their senders, or waits for something.',
    remedy:
      "Take them faster, raise maxBuffered, or choose whenFull: 'missed' and read what they are about.",
  },
  VALUE_UNREPRESENTABLE: {
    happened: 'A value cannot be turned into canonical JSON without altering it.',
    cause: 'Invalid encoding, a lone surrogate in json, or a value over the size limit.',
    remedy: 'Correct the value, or exclude the column that the message names.',
  },
  VALUE_UNAVAILABLE: {
    happened:
      'A change does not show a large value that it left unchanged, and is not to be delivered without it.',
    cause:
      'PostgreSQL does not send unchanged TOAST values, unless the table has REPLICA IDENTITY FULL; the option `unavailable` says park or halt.',
    remedy:
      "Run: ALTER TABLE … REPLICA IDENTITY FULL; for later changes. To deliver this one without the value: unavailable: 'omit'.",
  },
  MAPPING_FAILED: {
    happened: 'A record mapper threw, or the row does not match its schema.',
    cause: 'A defect in the mapper, or a table that changed.',
    remedy: 'Correct the mapper or the schema.',
  },
  GAP_SLOT_MISSING: {
    happened: 'The slot that the checkpoint belongs to does not exist.',
    cause: 'It was dropped, or a failover went to a server that did not have it.',
    remedy: 'Changes since the checkpoint may be lost: copy the tables again from a new slot.',
  },
  GAP_SLOT_LOST: {
    happened: 'The server has invalidated the slot.',
    cause: 'max_slot_wal_keep_size or idle_replication_slot_timeout was exceeded.',
    remedy: 'Changes since the checkpoint are lost: copy the tables again from a new slot.',
  },
  GAP_SLOT_AHEAD: {
    happened: 'The slot has moved past the checkpoint.',
    cause: 'It was dropped and made again, or another client acknowledged changes on it.',
    remedy: 'Changes between the two are lost: copy the tables again.',
  },
  GAP_POSITION_AHEAD: {
    happened: 'The checkpoint lies beyond the end of the server’s log.',
    cause: 'The server was restored from a backup, or failed over to a standby that was behind.',
    remedy: 'Find out which changes the server lost; then copy the tables again.',
  },
  GAP_TIMELINE: {
    happened: 'The server is on a timeline that does not contain the checkpoint.',
    cause: 'A failover or a point-in-time recovery to before the checkpoint.',
    remedy: 'Find out which changes the server lost; then copy the tables again.',
  },
  GAP_CHECKPOINT_FOREIGN: {
    happened: 'The stored checkpoint belongs to another source.',
    cause: 'Another server, database, slot, publication or table set under the same pipeline name.',
    remedy: 'Give this pipeline another name, or restore the options it was saved with.',
  },
  GAP_TYPE_UNKNOWN: {
    happened: 'A change carries a value of a type that no longer exists.',
    cause: 'The type was dropped before its last changes were read.',
    remedy: 'Copy the table again; read before you drop types.',
  },
  GAP_PUBLICATION: {
    happened: 'The publication does not cover the tables that it has to cover.',
    cause: 'It was altered or dropped while the pipeline was away.',
    remedy:
      'Changes in between may be lost: restore it with the SQL in the message, then copy the tables again.',
  },
  GAP_LOG: {
    happened: 'The change log does not hold everything behind the checkpoint any more.',
    cause:
      'It was dropped, made again, emptied, or pruned by another pipeline that reads the same log.',
    remedy:
      'Give each pipeline a log of its own; changes in between are lost: copy the tables again.',
  },
  GAP_TRIGGER: {
    happened: 'A trigger that captures changes is missing, was disabled or was altered.',
    cause:
      'It was dropped or disabled by somebody else than setup(), if only for a moment, or the table was made again.',
    remedy: 'Changes in between may be lost: restore it with setup(), then copy the table again.',
  },
  GAP_TABLE: {
    happened: 'A captured table is not the one that the checkpoint was saved for.',
    cause: 'It was dropped and made again, or restored from a backup.',
    remedy: 'Copy the table again under a new pipeline name.',
  },
  GAP_SWITCH: {
    happened: 'The new source begins later than the old one ended.',
    cause: 'It was set up after the old pipeline had been drained.',
    remedy:
      'Start the old pipeline again, let it drain while the new source is already set up, then switch.',
  },
  GAP_CONSUMER_DETACHED: {
    happened: 'What a consumer of a shared source has not had yet was given up for it.',
    cause:
      'It lagged beyond its limit under `onLaggard: "detach"`, was not among the declared `consumers` for a while, or its checkpoint is an old one.',
    remedy: 'Declare it under a new name and copy its tables again.',
  },
  GAP_IDENTITY: {
    happened: 'Changes were written that do not show the key of their record.',
    cause:
      'The replica identity of a captured table was changed, and does not hold the key any more.',
    remedy:
      'Restore it with the SQL in the message. Changes in between cannot be read: copy the table again.',
  },
  GAP_IN_STREAM: {
    happened: 'A gap was accepted that shows only in the stream, not at the start.',
    cause:
      'The option recover names it. The code stands in the event of the gap, never in an error.',
    remedy: 'None.',
  },
  DELIVERY_CONNECTION: {
    happened: 'The request did not get through, or its answer did not come back.',
    cause: 'The API or the network is down.',
    remedy: 'None; the pipeline tries again.',
  },
  DELIVERY_TIMEOUT: {
    happened: 'The API did not answer in time.',
    cause: 'The API is slow, or the batch is large.',
    remedy: 'None; the pipeline tries again. Raise timeoutMs if it recurs.',
  },
  HTTP_STATUS: {
    happened: 'The API answered with a status that means failure.',
    cause: 'See the status.',
    remedy: 'See the status.',
  },
  API_KEY_REFUSED: {
    happened: 'The API refused the key (401) or the tenant (403).',
    cause: 'The key is missing, wrong, inactive, or belongs to another tenant.',
    remedy: 'Correct CERTYO_API_KEY or CERTYO_TENANT_ID. Nothing is lost: start again.',
  },
  REDIRECT_REFUSED: {
    happened:
      'The API answered with a redirect, which is never followed: it would carry the key elsewhere.',
    cause: 'A wrong base URL, or a proxy in between.',
    remedy: 'Correct the base URL.',
  },
  RESPONSE_INVALID: {
    happened: 'The answer is not what the API gives.',
    cause: 'A proxy or login page in between, or a changed API.',
    remedy: 'Check the base URL and what lies between.',
  },
  RECORD_REJECTED: {
    happened: 'The API rejected a record.',
    cause: 'Invalid shape, or too large.',
    remedy: 'Correct the mapper; park it with onRejected: "park" to go on without it.',
  },
  RETRIES_EXHAUSTED: {
    happened: 'An item failed as often as retry.maxAttempts allows.',
    cause: 'See cause.',
    remedy: 'See cause.',
  },
  CHECKPOINT_STORE: {
    happened: 'The checkpoint could not be loaded or saved.',
    cause: 'The store’s database is away, or its table is missing.',
    remedy: 'Run setup(); the pipeline tries again when it is only away.',
  },
  CHECKPOINT_FENCED: {
    happened: 'Another process has saved a checkpoint under this pipeline’s name.',
    cause: 'Two pipelines of one name run at once.',
    remedy: 'Stop one, or give it another name.',
  },
  DEAD_LETTER_STORE: {
    happened: 'Parked records could not be stored or read.',
    cause: 'The store’s database is away, or its table is missing.',
    remedy: 'Run setup(); the pipeline tries again when it is only away.',
  },
  RECEIPT_STORE: {
    happened: 'Receipts could not be stored or read. Nothing is acknowledged without its receipt.',
    cause: 'The store’s database is away, or its tables are missing.',
    remedy: 'Run setup() of the receipt store; the pipeline tries again when it is only away.',
  },
  WINDOW_STORE: {
    happened:
      'How many events there were could not be stored or read. Nothing is acknowledged before it is.',
    cause: 'The store’s database is away, or its tables are missing.',
    remedy: 'Run setup() of the window store; the pipeline tries again when it is only away.',
  },
  WRITE_BACK: {
    happened: 'What became of records could not be written back. Nothing of it is lost.',
    cause:
      'The database is away, or a table, column, trigger or privilege is missing; or a trigger of the table undoes it.',
    remedy:
      'Run the SQL in the message, or setup() of the write-back; it tries again when it is only away.',
  },
  WRITE_BACK_LOOP: {
    happened: 'Writing back would change rows, or comes back as changes: it has stopped.',
    cause:
      'A trigger of the table changes the row with every UPDATE, or the source does not leave out what write-back does.',
    remedy:
      'Give the trigger the condition in the message, or choose another protection; then start again.',
  },
};

/** The codes of states in which completeness can no longer be proved. */
export type GapCode = Extract<ErrorCode, `GAP_${string}`>;
