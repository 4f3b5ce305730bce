import { z } from 'zod';

const text = z.string().min(1);
const timestamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/u, 'an ISO 8601 time');

/** Values of `operationType`. */
export const OPERATION_TYPES = ['insert', 'update', 'delete', 'upsert'] as const;

/** A request's record, without the tenant, which the client adds. */
export const recordSchema: z.ZodType<{
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordPayload: object;
}> = z.strictObject({
  clientId: text.optional(),
  database: text,
  collection: text,
  recordId: text,
  recordVersion: text.optional(),
  operationType: z.enum(OPERATION_TYPES).optional(),
  recordPayload: z
    .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
    .describe('an object'),
  sourceTimestamp: timestamp.optional(),
  idempotencyKey: text.max(128).optional(),
});

/** A question about a record. */
export const verifySchema: z.ZodType = z.strictObject({
  database: text,
  collection: text,
  recordId: text,
  recordVersion: text.optional(),
  payload: z.unknown().optional(),
  payloadText: z.string().optional(),
});

/** A question about a hash. */
export const verifyPayloadSchema: z.ZodType = z.strictObject({
  database: text.optional(),
  collection: text.optional(),
  recordId: text.optional(),
  recordVersion: text.optional(),
  payloadHash: text,
});

/** The parameters of a query: texts and numbers by name. */
export const querySchema: z.ZodType<Readonly<Record<string, string | number | undefined>>> =
  z.record(text, z.union([z.string(), z.number().finite()]).optional());

/** The least that an accepted record's answer holds. */
export const acceptedSchema: z.ZodType<{
  readonly recordId: string;
  readonly recordHash: string;
  readonly acceptedAt: string;
  readonly idempotencyReplayed: boolean;
  readonly tenantId?: string | null | undefined;
}> = z.looseObject({
  recordId: text,
  recordHash: text,
  acceptedAt: text,
  idempotencyReplayed: z.boolean(),
  tenantId: z.string().nullish(),
});

/** A snapshot of a record. */
export const snapshotSchema: z.ZodType<{
  readonly snapshotId: string;
  readonly status: string;
  readonly recordId?: string | null | undefined;
  readonly onChainConfirmed?: boolean | null | undefined;
  readonly onChainMerkleRoot?: string | null | undefined;
  readonly ingestedAt?: string | null | undefined;
  readonly updatedAt?: string | null | undefined;
}> = z.looseObject({
  snapshotId: text,
  status: text,
  recordId: z.string().nullish(),
  onChainConfirmed: z.boolean().nullish(),
  onChainMerkleRoot: z.string().nullish(),
  ingestedAt: z.string().nullish(),
  updatedAt: z.string().nullish(),
});

/** A verification's answer. */
export const verificationSchema: z.ZodType<{
  readonly verified: boolean;
  readonly anchoredOnChain?: boolean | null | undefined;
  readonly verificationStatus?: string | null | undefined;
  readonly reasonCategory?: string | null | undefined;
  readonly recordHash?: string | null | undefined;
}> = z.looseObject({
  verified: z.boolean(),
  anchoredOnChain: z.boolean().nullish(),
  verificationStatus: z.string().nullish(),
  reasonCategory: z.string().nullish(),
  recordHash: z.string().nullish(),
});
