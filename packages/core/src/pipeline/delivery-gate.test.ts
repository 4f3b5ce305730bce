import { manualTime, type ManualTime } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { DeliveryGate, leaseGate, type DeliveryGateOptions } from './delivery-gate.ts';

function optionsOf(time: ManualTime): DeliveryGateOptions {
  return {
    breaker: { failures: 2, openMs: 1_000, maxOpenMs: 10_000 },
    budget: { ratio: 0.5, perSecond: 1, capacity: 2 },
    time,
    random: () => 1,
  };
}

function send(gate: DeliveryGate, outcome: 'succeeded' | 'failed', retryAfterMs?: number): boolean {
  const permit = gate.acquire(false);
  if (permit === null) return false;
  gate.settle(permit, outcome, retryAfterMs);
  return true;
}

describe('DeliveryGate', () => {
  test('H-11: opens after failures in a row, then lets one probe through at a time', async () => {
    const time = manualTime();
    const gate = new DeliveryGate(optionsOf(time));
    const heard: string[] = [];
    const leave = gate.subscribe({
      opened: () => heard.push('opened'),
      breakerChanged: (to) => heard.push(to),
    });
    expect(send(gate, 'failed')).toBe(true);
    expect(send(gate, 'failed')).toBe(true);
    expect(gate.acquire(false)).toBeNull();
    await time.advance(1_000);
    const probe = gate.acquire(true);
    expect(probe).toEqual({ probe: true });
    expect(gate.acquire(false)).toBeNull();
    if (probe !== null) gate.settle(probe, 'abandoned');
    const next = gate.acquire(false);
    expect(next).toEqual({ probe: true });
    if (next !== null) gate.settle(next, 'succeeded');
    expect(gate.acquire(false)).toEqual({ probe: false });
    expect(heard.filter((word) => word !== 'opened')).toEqual(['open', 'half-open', 'closed']);
    expect(heard.at(-1)).toBe('opened');
    leave();
    expect(time.pending).toBe(0);
  });

  test('H-10: Retry-After holds all requests, at most 10 minutes', async () => {
    const time = manualTime();
    const gate = new DeliveryGate({ ...optionsOf(time), breaker: false });
    let opened = 0;
    gate.subscribe({ opened: () => (opened += 1), breakerChanged: () => {} });
    send(gate, 'failed', 2_147_484_000);
    expect(send(gate, 'succeeded')).toBe(false);
    await time.advance(599_999);
    expect(send(gate, 'succeeded')).toBe(false);
    await time.advance(1);
    expect(opened).toBe(1);
    expect(send(gate, 'succeeded')).toBe(true);
  });

  test('H-11: retries are limited while fresh requests are not', async () => {
    const time = manualTime();
    const gate = new DeliveryGate({ ...optionsOf(time), breaker: false });
    let opened = 0;
    gate.subscribe({ opened: () => (opened += 1), breakerChanged: () => {} });
    expect(gate.acquire(true)).not.toBeNull();
    expect(gate.acquire(true)).not.toBeNull();
    expect(gate.acquire(true)).toBeNull();
    expect(gate.acquire(false)).not.toBeNull();
    await time.advance(1_000);
    expect(opened).toBe(1);
    expect(gate.acquire(true)).not.toBeNull();
  });

  test('one scope has one gate, freed with its last user', () => {
    const options = optionsOf(manualTime());
    const first = leaseGate('scope', options);
    const second = leaseGate('scope', options);
    expect(second.gate).toBe(first.gate);
    expect(leaseGate('other', options).gate).not.toBe(first.gate);
    expect(leaseGate(undefined, options).gate).not.toBe(leaseGate(undefined, options).gate);
    first.release();
    first.release();
    expect(leaseGate('scope', options).gate).toBe(first.gate);
    second.release();
    leaseGate('scope', options).release();
    leaseGate('scope', options).release();
  });
});
