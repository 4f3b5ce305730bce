import type { AuditReport } from '../report-schema.ts';
import { escapeHtml, wholeNumber } from './escape.ts';

type Timeline = AuditReport['timeline'];

const WIDTH = 900;
const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 26;
const TOP = 10;
const STATES = ['anchored', 'pending', 'failed'] as const;
const STEP_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
const MONTHS = 12;
const GRID_LINES = 4;
const WIDEST_BAR = 48;
const MOST_BARS = 1_000;

/** Anchoring over time as stacked bars, drawn in SVG. */
export function timelineChart({ bucket, points }: Timeline): string {
  if (points.length === 0) return '<p class="soft">There are no receipts.</p>';
  const slots = spread(points, bucket);
  const most = Math.max(...points.map((point) => sumOf(point)));
  const gridStep = niceStep(most);
  const top = Math.ceil(most / gridStep) * gridStep;
  const step = (WIDTH - LEFT) / slots.length;
  const width = Math.max(Math.min(step * 0.8, WIDEST_BAR), 0.5);
  const scale = (HEIGHT - TOP - BOTTOM) / top;
  const bars = slots.flatMap((point, index) => {
    if (point === null) return [];
    const x = LEFT + index * step + (step - width) / 2;
    let y = HEIGHT - BOTTOM;
    const parts = STATES.flatMap((state) => {
      const height = point[state] * scale;
      if (height === 0) return [];
      y -= height;
      return [
        `<rect class="${state}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"/>`,
      ];
    });
    const said = STATES.map((state) => `${wholeNumber(point[state])} ${state}`).join(', ');
    return [
      `<g>${parts.join('')}<title>${escapeHtml(`${labelOf(point.at, bucket)}: ${said}`)}</title></g>`,
    ];
  });
  const label = `Receipts by ${bucket} of acceptance: ${wholeNumber(points.reduce((sum, point) => sum + sumOf(point), 0))} in all`;
  return `<figure style="margin:0"><svg viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" role="img" aria-label="${escapeHtml(label)}">
${grid(top, gridStep, scale)}
${bars.join('\n')}
${axis(slots, points, step, bucket)}
</svg><figcaption class="key">${STATES.map((state) => `<span><i class="${state}"></i>${state}</span>`).join('')}<span>by ${bucket} of acceptance, UTC</span></figcaption></figure>`;
}

function sumOf(point: Timeline['points'][number]): number {
  return point.anchored + point.pending + point.failed;
}

/** Times without receipts keep their place, where that is not too much. */
function spread(
  points: Timeline['points'],
  bucket: Timeline['bucket'],
): readonly (Timeline['points'][number] | null)[] {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return points;
  const begin = placeOf(first.at, bucket);
  const count = placeOf(last.at, bucket) - begin + 1;
  if (!(count > 0 && count <= MOST_BARS)) return points;
  const slots: (Timeline['points'][number] | null)[] = Array.from({ length: count }, () => null);
  for (const point of points) slots[placeOf(point.at, bucket) - begin] = point;
  return slots;
}

/** The number of a time among all of its kind. */
function placeOf(at: string, bucket: Timeline['bucket']): number {
  const time = new Date(at);
  if (bucket === 'year') return time.getUTCFullYear();
  if (bucket === 'month') return time.getUTCFullYear() * MONTHS + time.getUTCMonth();
  return Math.floor(time.getTime() / STEP_MS[bucket]);
}

function grid(top: number, step: number, scale: number): string {
  return Array.from({ length: Math.round(top / step) + 1 }, (_, index) => {
    const y = fixed(HEIGHT - BOTTOM - index * step * scale);
    return `<line class="grid" x1="${String(LEFT)}" x2="${String(WIDTH)}" y1="${y}" y2="${y}"/><text x="${String(LEFT - 8)}" y="${y}" dy="4" text-anchor="end">${wholeNumber(index * step)}</text>`;
  }).join('');
}

/** The first, the last, and the middle where there is room. */
function axis(
  slots: readonly unknown[],
  points: Timeline['points'],
  step: number,
  bucket: Timeline['bucket'],
): string {
  const y = String(HEIGHT - 8);
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  if (slots.length === 1) {
    return `<text x="${fixed(LEFT + step / 2)}" y="${y}" text-anchor="middle">${escapeHtml(labelOf(first.at, bucket))}</text>`;
  }
  return `<text x="${String(LEFT)}" y="${y}">${escapeHtml(labelOf(first.at, bucket))}</text><text x="${String(WIDTH)}" y="${y}" text-anchor="end">${escapeHtml(labelOf(last.at, bucket))}</text>`;
}

function labelOf(at: string, bucket: Timeline['bucket']): string {
  const length = { minute: 16, hour: 16, day: 10, week: 10, month: 7, year: 4 }[bucket];
  return at.slice(0, length).replace('T', ' ');
}

/** A round distance between lines, so that there are no more than five of them. */
function niceStep(most: number): number {
  const least = Math.max(most / GRID_LINES, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}
