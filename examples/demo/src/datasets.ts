import { readFile } from 'node:fs/promises';

/** Rows of one table, ready to be inserted. */
export interface Dataset {
  readonly schema: 'public';
  readonly name: string;
  readonly key: readonly string[];
  /** Column definitions, in order. */
  readonly columns: readonly (readonly [name: string, definition: string])[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** A column that updates change, and an SQL expression for its new value. */
  readonly update: readonly [column: string, expression: string];
}

async function dataFile(name: string): Promise<string> {
  const entry = import.meta.resolve('vega-datasets');
  return readFile(new URL(`../data/${name}`, entry), 'utf8');
}

function text(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

async function movies(): Promise<Dataset> {
  const list = JSON.parse(await dataFile('movies.json')) as Record<string, unknown>[];
  return {
    schema: 'public',
    name: 'movies',
    key: ['id'],
    columns: [
      ['id', 'bigint PRIMARY KEY'],
      ['title', 'text'],
      ['us_gross', 'numeric(14,2)'],
      ['budget', 'bigint'],
      ['release_date', 'date'],
      ['rating', 'real'],
      ['votes', 'integer'],
      ['genre', 'text'],
      ['source', 'jsonb'],
      ['updated_at', 'timestamptz NOT NULL DEFAULT now()'],
    ],
    rows: list.map((movie, i) => [
      String(i + 1),
      text(movie['Title']),
      text(movie['US Gross']),
      text(movie['Production Budget']),
      date(movie['Release Date']),
      text(movie['IMDB Rating']),
      text(movie['IMDB Votes']),
      text(movie['Major Genre']),
      JSON.stringify(movie),
    ]),
    update: ['votes', 'coalesce(votes, 0) + 1'],
  };
}

async function airports(): Promise<Dataset> {
  const [, ...lines] = (await dataFile('airports.csv')).trim().split('\n');
  return {
    schema: 'public',
    name: 'airports',
    key: ['iata'],
    columns: [
      ['iata', 'text PRIMARY KEY'],
      ['name', 'text'],
      ['city', 'text'],
      ['state', 'text'],
      ['country', 'text'],
      ['latitude', 'double precision'],
      ['longitude', 'double precision'],
      ['tags', "text[] NOT NULL DEFAULT '{}'"],
    ],
    rows: lines.map((line) => fields(line).map((field) => (field === '' ? null : field))),
    update: ['tags', "tags || ('visit ' || cardinality(tags))"],
  };
}

async function earthquakes(): Promise<Dataset> {
  const list = JSON.parse(await dataFile('earthquakes.json')) as {
    readonly features: readonly {
      readonly id: string;
      readonly properties: Record<string, unknown>;
      readonly geometry: { readonly coordinates: readonly number[] };
    }[];
  };
  return {
    schema: 'public',
    name: 'earthquakes',
    key: ['network', 'code'],
    columns: [
      ['network', 'text'],
      ['code', 'text'],
      ['magnitude', 'numeric'],
      ['place', 'text'],
      ['at', 'timestamptz'],
      ['coordinates', 'double precision[]'],
      ['properties', 'json'],
      ['reviewed', 'boolean NOT NULL DEFAULT false'],
      ['revision', 'integer NOT NULL DEFAULT 0, PRIMARY KEY (network, code)'],
    ],
    rows: list.features.map(({ properties, geometry }) => [
      text(properties['net']),
      text(properties['code']),
      text(properties['mag']),
      text(properties['place']),
      new Date(Number(properties['time'])).toISOString(),
      `{${geometry.coordinates.join(',')}}`,
      JSON.stringify(properties),
    ]),
    update: ['revision', 'revision + 1'],
  };
}

/** `Jun 12 1998` as a date; the few titles with a vague one have none. */
function date(value: unknown): string | null {
  const parsed = Date.parse(`${String(value)} UTC`);
  return Number.isNaN(parsed) ? null : new Date(parsed).toISOString().slice(0, 10);
}

/** The fields of a CSV line; quoted ones may hold commas. */
function fields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) =>
    (match[1] ?? match[2] ?? '').replaceAll('""', '"'),
  );
}

/** Real tables: films, airports and a week of earthquakes. */
export async function loadDatasets(): Promise<readonly Dataset[]> {
  return [await movies(), await airports(), await earthquakes()];
}
