/** A type with one value as it is written in SQL, what it is in a payload, and other values at its edges. */
export interface NamedType {
  readonly type: string;
  readonly text: string;
  /** By hand, from docs/values.md. */
  readonly json: string;
  readonly edges: readonly string[];
}

const named = (type: string, text: string, json: string, ...edges: string[]): NamedType => ({
  type,
  text,
  json,
  edges,
});

/**
 * Stands in for PostGIS, which the servers of the tests do not have: a base type that nobody knows, with the text that
 * PostGIS prints (hex EWKB).
 */
export const NAMED_TYPES_SQL: readonly string[] = [
  'CREATE SCHEMA app',
  'CREATE EXTENSION hstore SCHEMA app',
  'CREATE EXTENSION citext SCHEMA app',
  'CREATE EXTENSION ltree SCHEMA app',
  'CREATE TYPE app.geometry',
  `CREATE FUNCTION app.geometry_in(cstring) RETURNS app.geometry LANGUAGE internal IMMUTABLE STRICT AS 'textin'`,
  `CREATE FUNCTION app.geometry_out(app.geometry) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'`,
  'CREATE TYPE app.geometry (INPUT = app.geometry_in, OUTPUT = app.geometry_out, LIKE = text)',
  `CREATE TYPE app.mood AS ENUM ('sad', 'so "so"')`,
  'CREATE DOMAIN app.amount AS numeric(40,2) CHECK (VALUE > -1)',
  'CREATE TYPE app.pair AS (n int, "a text" text, at timestamptz)',
  'CREATE TABLE app.plain (id int)',
  'CREATE FUNCTION app.twice(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 * 2 $$',
  'CREATE TEXT SEARCH CONFIGURATION app.words (COPY = pg_catalog.simple)',
];

const EWKB = '0101000020E6100000000000000000F03F0000000000000040';

/** Every data type that connectors for PostgreSQL name, in their words, then arrays and what users define. */
export const NAMED_TYPES: readonly NamedType[] = [
  // Strings and text
  named('character(5)', 'ab', '"ab   "', '', 'äöü'),
  named('character varying(10)', 'a\tb', String.raw`"a\tb"`, '', '\\N', '\\.'),
  named('text', 'a"b\\c\nd', String.raw`"a\"b\\c\nd"`, '', '\\N', 'NULL', '\u0001😀\u2028'),
  // Numbers
  named('integer', '-2147483648', '-2147483648', '0', '2147483647'),
  named('bigint', '9007199254740993', '"9007199254740993"', '-9223372036854775808'),
  named('smallint', '32767', '32767', '-32768'),
  named('numeric', '12345678901234567890.1200', '"12345678901234567890.1200"', 'NaN', '-0.000'),
  named('real', '0.1', '0.1', '-0', 'NaN', '-Infinity', '3.4028235e38', '1e-45'),
  named('double precision', '0.30000000000000004', '0.30000000000000004', '-0', '5e-324', 'NaN'),
  named('bytea', '\\x00ff5c', String.raw`"\\x00ff5c"`, '\\x', '\\x5c2e'),
  named('bit(5)', '10101', '"10101"', '00000'),
  named('bit varying', '101', '"101"', ''),
  named('boolean', 'true', 'true', 'false'),
  // Date and time
  named(
    'timestamp without time zone',
    '2026-02-01 03:04:05',
    '"2026-02-01T03:04:05.000000"',
    'infinity',
    '0044-03-15 01:02:03 BC',
  ),
  named(
    'timestamp with time zone',
    '2026-02-01 03:04:05.6+05:30',
    '"2026-01-31T21:34:05.600000Z"',
    '-infinity',
    '294275-12-31 00:00:00+00',
  ),
  named('date', '2026-02-01', '"2026-02-01"', 'infinity', '0044-03-15 BC', '10000-01-02'),
  named('time without time zone', '01:02:03.4', '"01:02:03.4"', '24:00:00'),
  named('time with time zone', '01:02:03+05:30', '"01:02:03+05:30"', '23:59:59.999999-15:59:59'),
  named('interval', '1 year 2 mons -3 days 04:05:06.7', '"P1Y2M-3DT4H5M6.7S"', '0'),
  // Spatial data
  named('app.geometry', EWKB, `"${EWKB}"`),
  named('point', '(0.1,-1e-7)', '"(0.1,-1e-07)"'),
  named('polygon', '((0.1,0.2),(3,4),(5,6))', '"((0.1,0.2),(3,4),(5,6))"'),
  named('circle', '<(0.1,0.2),0.3>', '"<(0.1,0.2),0.3>"'),
  named('path', '((0.1,0.2),(3,4))', '"((0.1,0.2),(3,4))"', '[(1,2),(3,4)]'),
  named('box', '(0.1,0.2),(3,4)', '"(3,4),(0.1,0.2)"'),
  named('line', '{1,0.1,0}', '"{1,0.1,0}"'),
  named('lseg', '[(0.1,0.2),(3,4)]', '"[(0.1,0.2),(3,4)]"'),
  // Network types
  named('inet', '10.1.2.3/8', '"10.1.2.3/8"', '10.0.0.1', '::1', 'fe80::1/64'),
  named('cidr', '10.0.0.0/8', '"10.0.0.0/8"', '::/0'),
  named('macaddr', '08002b010203', '"08:00:2b:01:02:03"'),
  // Identifiers
  named(
    'uuid',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
    '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"',
    '00000000-0000-0000-0000-000000000000',
  ),
  named('oid', '4294967295', '4294967295', '0'),
  named('regproc', 'app.twice', '"app.twice"', 'pg_catalog.array_in', '-'),
  named('regprocedure', 'app.twice(integer)', '"app.twice(integer)"', '-'),
  named('regoper', 'pg_catalog.||/', '"||/"', '0'),
  named('regoperator', 'pg_catalog.+(integer,integer)', '"+(integer,integer)"', '0'),
  named('regclass', 'app.plain', '"app.plain"', 'pg_catalog.pg_class', '-'),
  named('regtype', 'timestamptz', '"timestamp with time zone"', 'app.mood', '-'),
  named('regconfig', 'app.words', '"app.words"', 'pg_catalog.english', '-'),
  named('regdictionary', 'pg_catalog.english_stem', '"english_stem"', '-'),
  // Text search
  named('tsvector', `'a b':1A,3 'é'`, `"'a b':1A,3 'é'"`, ''),
  named('tsquery', `!'a b':*A & ('c' | 'd')`, `"!'a b':*A & ( 'c' | 'd' )"`, ''),
  // Others
  named('xml', '<a b="c">d &amp; é</a>', String.raw`"<a b=\"c\">d &amp; é</a>"`),
  named('json', '{"b" : 1.0, "a":[1e2], "b":null}', '{"b":1.0,"a":[1e2],"b":null}', ' 1.10 '),
  named('jsonb', '{"b": 1.50, "aa": {}, "a": null}', '{"a":null,"b":1.50,"aa":{}}', 'null', '""'),
  // Arrays
  named('integer[]', '{1,NULL,3}', '[1,null,3]', '{}', '[0:1]={7,8}', '{{1,2},{3,4}}'),
  named('text[]', '{"NULL",NULL,"a,b","\\""}', String.raw`["NULL",null,"a,b","\""]`, '{{a},{b}}'),
  named('numeric[]', '{1.50,NaN}', '["1.50","NaN"]', '{}'),
  named('boolean[]', '{t,f,NULL}', '[true,false,null]'),
  named('bytea[]', '{"\\\\x00ff"}', String.raw`["\\x00ff"]`),
  named('date[]', '{2026-02-01,infinity}', '["2026-02-01","infinity"]'),
  named(
    'uuid[]',
    '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}',
    '["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]',
  ),
  named('jsonb[]', '{"{\\"a\\": 1.0}",null}', '[{"a":1.0},null]'),
  named('app.geometry[]', `{${EWKB},NULL}`, `["${EWKB}",null]`),
  // What users and extensions define
  named('app.mood', 'so "so"', String.raw`"so \"so\""`, 'sad'),
  named('app.mood[]', '{sad,"so \\"so\\""}', String.raw`["sad","so \"so\""]`),
  named('app.amount', '12345678901234567890.10', '"12345678901234567890.10"', '0'),
  named(
    'app.pair',
    '(1,"a,b","2026-02-01 00:00:00+05:30")',
    String.raw`"(1,\"a,b\",\"2026-01-31 18:30:00+00\")"`,
    '(,,)',
  ),
  named('app.hstore', 'b=>NULL, a=>"1"', '{"a":"1","b":null}', ''),
  named('app.citext', 'É', '"É"'),
  named('app.ltree', 'a.b.c', '"a.b.c"', ''),
  // Ranges
  named('int4range', '(1,5]', '"[2,6)"', 'empty'),
  named('numrange', '[1.10,)', '"[1.10,)"'),
  named('tstzrange', '["2026-02-01 00:00:00+05:30",)', String.raw`"[\"2026-01-31 18:30:00+00\",)"`),
  named('daterange', '[2026-02-01,2026-03-01]', '"[2026-02-01,2026-03-02)"'),
  named('int4multirange', '{[1,3),[5,7)}', '"{[1,3),[5,7)}"', '{}'),
];
