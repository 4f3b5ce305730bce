import type { BarChart, Chart, LineChart } from './benchmark.ts';
import { axisTicks, logTicks, shortNumber } from './report-scale.ts';

const WIDTH = 760;
const FONT = 'font-family="system-ui, sans-serif" font-size="13"';
const [OURS, THEIRS] = ['#2563eb', '#64748b'] as const;
const COLORS = [OURS, '#dc2626', '#059669', '#9333ea', '#d97706', THEIRS];
const INK = '#1f2937';
const GRID = '#d1d5db';

/** A chart as an SVG of its own, with a white ground: it is looked at on light and on dark pages. */
export function chartSvg(chart: Chart): string {
  return chart.kind === 'bars' ? barsSvg(chart) : linesSvg(chart);
}

/** In the labels of what is ours. */
const US = 'certyo-cdc';

const BAR = { left: 260, right: 110, top: 44, step: 34, height: 20 };

function barsSvg({ bars, title, unit }: BarChart): string {
  const ticks = axisTicks(Math.max(0, ...bars.map(({ value }) => finite(value.most))));
  const end = BAR.top + bars.length * BAR.step;
  const x = (value: number): number =>
    BAR.left + (finite(value) / (ticks.at(-1) ?? 1)) * (WIDTH - BAR.left - BAR.right);
  const namesUs = bars.some(({ label }) => label.includes(US));
  const isOurs = (label: string): boolean => !namesUs || label.includes(US);
  const grid = ticks.flatMap((tick) => [
    line(x(tick), BAR.top - 6, x(tick), end, GRID),
    text(x(tick), end + 18, shortNumber(tick), 'middle'),
  ]);
  const drawn = bars.flatMap(({ label, value }, index) => {
    const top = BAR.top + index * BAR.step;
    const middle = top + BAR.height / 2;
    const width = Math.max(1, x(value.median) - BAR.left);
    return [
      text(BAR.left - 8, middle + 4, label, 'end'),
      `<rect x="${px(BAR.left)}" y="${px(top)}" width="${px(width)}" height="${BAR.height}" fill="${isOurs(label) ? OURS : THEIRS}"/>`,
      line(x(value.least), middle, x(value.most), middle, INK),
      line(x(value.least), middle - 5, x(value.least), middle + 5, INK),
      line(x(value.most), middle - 5, x(value.most), middle + 5, INK),
      text(x(value.most) + 8, middle + 4, shortNumber(value.median), 'start'),
    ];
  });
  const unitText = text((BAR.left + WIDTH - BAR.right) / 2, end + 38, unit, 'middle');
  return svg(end + 50, title, [...grid, ...drawn, unitText]);
}

const PLOT = { left: 76, right: 24, top: 60, height: 260 };

function linesSvg({ lines, title, x, y }: LineChart): string {
  const points = lines.flatMap((each) => each.points);
  const bottom = PLOT.top + PLOT.height;
  const horizontal = axis(
    points.map((point) => point.x),
    x.isLogarithmic,
  );
  const vertical = axis(
    points.map((point) => point.y),
    y.isLogarithmic === true,
  );
  const right = WIDTH - PLOT.right;
  const atX = (value: number): number => PLOT.left + horizontal.place(value) * (right - PLOT.left);
  const atY = (value: number): number => bottom - vertical.place(value) * PLOT.height;
  const legend = bottom + 62;
  return svg(legend + lines.length * 20, title, [
    ...vertical.ticks.flatMap((tick) => [
      line(PLOT.left, atY(tick), right, atY(tick), GRID),
      text(PLOT.left - 8, atY(tick) + 4, shortNumber(tick), 'end'),
    ]),
    ...horizontal.ticks.flatMap((tick) => [
      line(atX(tick), PLOT.top, atX(tick), bottom, GRID),
      text(atX(tick), bottom + 18, shortNumber(tick), 'middle'),
    ]),
    text((PLOT.left + right) / 2, bottom + 38, x.label, 'middle'),
    text(PLOT.left, PLOT.top - 8, y.label, 'start'),
    ...lines.flatMap((each, index) => {
      const color = COLORS[index % COLORS.length] ?? INK;
      const path = each.points.map((point) => `${px(atX(point.x))},${px(atY(point.y))}`).join(' ');
      const place = legend + index * 20;
      return [
        `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
        ...each.points.map(
          (point) =>
            `<circle cx="${px(atX(point.x))}" cy="${px(atY(point.y))}" r="3.5" fill="${color}"/>`,
        ),
        `<rect x="${px(PLOT.left)}" y="${px(place - 10)}" width="12" height="12" fill="${color}"/>`,
        text(PLOT.left + 18, place, each.label, 'start'),
      ];
    }),
  ]);
}

interface Axis {
  readonly ticks: readonly number[];
  /** From 0 at its beginning to 1 at its end. */
  place(value: number): number;
}

function axis(values: readonly number[], isLogarithmic: boolean): Axis {
  const known = values.filter((value) => Number.isFinite(value) && (!isLogarithmic || value > 0));
  const ticks = isLogarithmic
    ? logTicks(Math.min(...known), Math.max(...known))
    : axisTicks(Math.max(0, ...known));
  const scale = (value: number): number => (isLogarithmic ? Math.log10(value) : value);
  const [first, last] = [scale(ticks[0] ?? 0), scale(ticks.at(-1) ?? 1)];
  return { ticks, place: (value) => finite((scale(value) - first) / (last - first)) };
}

function svg(height: number, title: string, elements: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${px(height)}" viewBox="0 0 ${WIDTH} ${px(height)}" role="img" ${FONT} fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="16" y="22" font-weight="600">${escaped(title)}</text>`,
    ...elements,
    '</svg>\n',
  ].join('\n');
}

function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="${color}"/>`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function px(value: number): string {
  return String(Math.round(finite(value) * 10) / 10);
}

/** A figure that could not be had is drawn as nothing. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
