import { testDatabase } from '@certyo-cdc/testing/vitest';
import { type AuditRig, auditRigOn, type RigOptions } from './rig.ts';

/** A rig on a database of its own on the shared server. */
export async function auditRig(options?: RigOptions): Promise<AuditRig> {
  return auditRigOn(await testDatabase(), options);
}
