/** What is used of pgwire, which comes without types. */
declare module 'pgwire' {
  export interface PgoutputMessage {
    readonly tag: string;
    /** The new row; its columns are decoded when they are read. */
    readonly after?: Readonly<Record<string, unknown>> | null | undefined;
  }

  export interface ReplicationChunk<Message> {
    readonly lastLsn: string;
    readonly messages: readonly Message[];
  }

  export interface ReplicationStream {
    pgoutputDecode(): AsyncIterable<ReplicationChunk<PgoutputMessage>>;
    ack(lsn: string): void;
  }

  export interface Connection {
    query(sql: string): Promise<unknown>;
    logicalReplication(options: {
      readonly slot: string;
      readonly startLsn?: string;
      readonly options: Readonly<Record<string, unknown>>;
    }): ReplicationStream;
    end(): Promise<void>;
  }

  export function pgconnection(...options: readonly (string | object)[]): Connection;
}
