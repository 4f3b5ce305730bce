import { z } from 'zod';

/** A record that did not look right, and has to be looked at again. */
export interface Suspect {
  readonly table: string;
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  /** PostgreSQL's text; null where it cannot be told from the recordId. */
  readonly key: readonly string[] | null;
  /** Whether the row was counted when rows were read. */
  readonly wasRead: boolean;
}

export const suspectSchema: z.ZodType<Suspect> = z.strictObject({
  table: z.string(),
  database: z.string(),
  collection: z.string(),
  recordId: z.string(),
  key: z.array(z.string()).nullable(),
  wasRead: z.boolean(),
});
