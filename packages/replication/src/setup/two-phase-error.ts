import { SourceSetupError } from '@certyo-cdc/core';

/** The slot decodes two-phase, which cannot be taken back before PostgreSQL 18. */
export function twoPhaseError(slot: string): SourceSetupError {
  return new SourceSetupError(
    `The slot "${slot}" has two_phase, which the option twoPhase does not ask for.`,
    { remedy: 'Set twoPhase: true; or, with PostgreSQL 18 and newer, run source.setup().' },
  );
}
