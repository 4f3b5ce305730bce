import type { PipelineEvent, PipelineStatus } from '@certyo-cdc/core';

/** One line for what a person wants to know of; null for the rest. */
export function describeEvent(event: PipelineEvent): string | null {
  switch (event.type) {
    case 'pipeline-state-changed':
      return `the pipeline is ${event.to}`;
    case 'source-disconnected':
      return `the database is away, trying again in ${seconds(event.retryInMs)}: ${event.error.message}`;
    case 'source-reconnected':
      return 'the database is back';
    case 'source-waiting':
      return `waiting: ${event.reason}`;
    case 'source-warned':
      return `warning ${event.code}: ${event.message}`;
    case 'delivery-retried':
      return `not delivered, sending ${event.items} records again in ${seconds(event.delayMs)} (attempt ${event.attempt}): ${event.error.message}`;
    case 'breaker-changed':
      return event.to === 'closed' ? 'Certyo answers again' : null;
    case 'item-rejected':
      return `Certyo refused ${event.eventId}: ${event.error.message}`;
    case 'unacknowledged-warned':
      return `warning: ${event.events} changes wait, the oldest for ${seconds(event.ageMs)}`;
    default:
      return null;
  }
}

/** One line of figures. */
export function describeStatus(status: PipelineStatus): string {
  const waiting = status.unacknowledged.events;
  return (
    `changes received: ${status.received}, records delivered: ${status.delivered}` +
    (status.skipped > 0 ? `, skipped: ${status.skipped}` : '') +
    (status.parked > 0 ? `, parked: ${status.parked}` : '') +
    (waiting > 0 ? `, waiting: ${waiting}` : '') +
    (status.breaker === 'closed' ? '' : '; Certyo does not answer, trying again')
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
