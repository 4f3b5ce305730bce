import type { LineChart } from '../../runner/benchmark.ts';
import type { MemorySample } from './large-transaction.ts';

const POINTS = 120;

/** Memory over time; of many samples the highest of each stretch. */
export function memoryChart(
  name: string,
  title: string,
  samples: readonly MemorySample[],
): LineChart {
  const stretch = Math.ceil(samples.length / POINTS);
  const points: { x: number; y: number }[] = [];
  for (let from = 0; from < samples.length; from += stretch) {
    const part = samples.slice(from, from + stretch);
    const highest = Math.max(...part.map(({ rssBytes }) => rssBytes));
    points.push({
      x: Number((part[0]?.seconds ?? 0).toFixed(1)),
      y: Number((highest / 1e6).toFixed(1)),
    });
  }
  return {
    kind: 'lines',
    name,
    title,
    x: { label: 'seconds', isLogarithmic: false },
    y: { label: 'RSS, MB' },
    lines: [{ label: 'the whole pipeline', points }],
  };
}
