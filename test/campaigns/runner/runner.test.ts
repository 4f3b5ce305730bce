import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseCampaignArguments } from './arguments.ts';
import type { CampaignOptions } from './campaign.ts';
import { addCounters, eachRun, seededRandom } from './each-run.ts';

const options = (over: Partial<CampaignOptions>): CampaignOptions => ({
  seed: 7,
  first: 0,
  runs: 3,
  sources: [],
  onProgress: () => {},
  signal: new AbortController().signal,
  ...over,
});

describe('eachRun', () => {
  test('gives a run the same random numbers whether the campaign was resumed or not', async () => {
    const draw = async (over: Partial<CampaignOptions>): Promise<readonly number[]> => {
      const drawn: number[] = [];
      await eachRun(options(over), ({ random }) => {
        drawn.push(random());
        return Promise.resolve({});
      });
      return drawn;
    };
    const whole = await draw({ runs: 4 });
    expect(await draw({ first: 2, runs: 2 })).toEqual(whole.slice(2));
    expect(await draw({ runs: 4, seed: 8 })).not.toEqual(whole);
    expect(new Set(whole).size).toBe(4);
  });

  test('counts a run that throws as a failure and goes on', async () => {
    const result = await eachRun(options({}), ({ run }) =>
      run === 1 ? Promise.reject(new Error('lost 1')) : Promise.resolve({ events: 2, maxMs: run }),
    );
    expect(result).toEqual({
      runs: 3,
      failures: [{ run: 1, message: 'lost 1' }],
      counters: { events: 4, maxMs: 2 },
    });
  });

  test('takes the sources in turn and counts by source', async () => {
    const drawn: string[] = [];
    const result = await eachRun(options({ runs: 4, sources: ['a', 'b'] }), ({ source, turn }) => {
      drawn.push(`${source}${turn}`);
      return turn === 1 && source === 'b'
        ? Promise.reject(new Error('lost 1'))
        : Promise.resolve({ committed: 2, events: 3 });
    });
    expect(drawn).toEqual(['a0', 'b0', 'a1', 'b1']);
    expect(result.counters).toEqual({
      committed: 6,
      'a committed': 4,
      'b committed': 2,
      events: 9,
    });
    expect(result.failures).toEqual([{ run: 3, message: 'b: lost 1' }]);
  });

  test('rejects with the reason of the signal', async () => {
    const reason = new Error('enough');
    await expect(
      eachRun(options({ signal: AbortSignal.abort(reason) }), () => Promise.resolve({})),
    ).rejects.toBe(reason);
  });
});

describe('addCounters', () => {
  test('adds, and keeps the larger of what is called max', () => {
    expect(addCounters({ a: 1, maxA: 3 }, { a: 2, maxA: 2, b: 1 })).toEqual({
      a: 3,
      maxA: 3,
      b: 1,
    });
  });
});

describe('seededRandom', () => {
  test('stays within [0, 1) and spreads', () => {
    const random = seededRandom(1);
    const drawn = Array.from({ length: 10_000 }, () => random());
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    expect(mean).toBeCloseTo(0.5, 1);
  });
});

describe('parseCampaignArguments', () => {
  test('refuses what cannot be meant, in one sentence', () => {
    expect(() => parseCampaignArguments(['x', '--runs=-1'])).toThrow('got `-1`');
    expect(() => parseCampaignArguments(['x', '--runs=0'])).toThrow(
      'Expected `--runs` to be an integer of at least 1, got `0`.',
    );
    expect(() => parseCampaignArguments(['x', '--sed', '1'])).toThrow('--sed');
    expect(parseCampaignArguments(['x', '--source', 'a,b']).sources).toEqual(['a', 'b']);
    expect(() => parseCampaignArguments(['x', 'y'])).toThrow('Expected one campaign');
  });

  test('the command says which campaigns there are when the name is unknown', () => {
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, 'no-such'], {
      encoding: 'utf8',
    });
    expect(stderr).toContain('There is no campaign `no-such`. Known: ');
    expect(status).toBe(1);
  });
});
