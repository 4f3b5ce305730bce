import type { TestDatabase } from '@certyo-cdc/testing';
import type { Client } from 'pg';

/** Names that a writer's search_path finds before those of PostgreSQL. Whoever calls one of these fails. */
const SHADOWED_FUNCTIONS = [
  'txid_current()',
  'pg_current_xact_id()',
  'clock_timestamp()',
  'pg_trigger_depth()',
  'nextval(regclass)',
  'nextval(text)',
  'set_config(text, text, boolean)',
  'current_setting(text, boolean)',
  'to_jsonb(anyelement)',
  'row_to_json(record)',
  'sha256(bytea)',
  'encode(bytea, text)',
  'left(text, integer)',
  'pg_notify(text, text)',
  'pg_try_advisory_lock_shared(integer, integer)',
  'format(text, text)',
  'concat_ws(text, text, text)',
];

const SHADOWED_TABLES = ['change_log', 'change_log_columns', 'pg_class', 'pg_attribute', 'pg_type'];

/** Makes the schema `evil`. */
export async function makeShadows(db: TestDatabase): Promise<void> {
  await db.query('CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC');
  for (const signature of SHADOWED_FUNCTIONS) {
    const returns = signature.includes('any') ? 'jsonb' : 'text';
    await db.query(
      `CREATE FUNCTION evil.${signature} RETURNS ${returns} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'shadowed'; END $$`,
    );
  }
  for (const table of SHADOWED_TABLES) await db.query(`CREATE TABLE evil.${table} (nothing int)`);
  await db.query(`
    CREATE DOMAIN evil.text AS int4;
    CREATE DOMAIN evil.int8 AS pg_catalog.text;
    CREATE FUNCTION evil.never(pg_catalog.text, pg_catalog.text) RETURNS boolean
      LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR evil.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.never);
    CREATE OPERATOR evil.<> (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = evil.never);
  `);
}

const UGLY = [
  `datestyle = 'German, DMY'`,
  `intervalstyle = 'sql_standard'`,
  `timezone = 'Pacific/Chatham'`,
  `bytea_output = 'escape'`,
  'extra_float_digits = -15',
  'quote_all_identifiers = on',
] as const;

/** Settings of writers, by what they are about. */
export const HOSTILE_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'none at all': [],
  'formats of values': UGLY,
  'other formats of values': [
    `datestyle = 'SQL, MDY'`,
    `intervalstyle = 'postgres_verbose'`,
    `timezone = '-13:30'`,
    'extra_float_digits = 0',
    `xmlbinary = 'hex'`,
    `xmloption = 'document'`,
  ],
  'names that shadow': [...UGLY, 'search_path = evil, pg_catalog, public'],
  'an empty path': [`search_path = ''`],
  'what the parser and PL/pgSQL make of code': [
    'standard_conforming_strings = off',
    'backslash_quote = on',
    'transform_null_equals = on',
    'array_nulls = off',
    `plpgsql.extra_errors = 'all'`,
    `plpgsql.variable_conflict = 'error'`,
    `plan_cache_mode = 'force_custom_plan'`,
  ],
  'rows that are replicated here': ['session_replication_role = replica'],
  'strict transactions': [`default_transaction_isolation = 'serializable'`],
  'another encoding': [`client_encoding = 'LATIN1'`],
};

/** A locale in which money looks different, where the machine has one. */
async function moneyLocale(client: Client): Promise<string | null> {
  for (const locale of ['de_DE.UTF-8', 'de_DE.utf8', 'en_US.UTF-8', 'en_US.utf8', 'C.UTF-8']) {
    try {
      await client.query(`SET lc_monetary = '${locale}'`);
      return locale;
    } catch {
      // The machine does not have it.
    }
  }
  return null;
}

export interface WritingSession {
  readonly about: string;
  readonly client: Client;
}

/** One session per kind of hostile settings, and one of a role that has them by ALTER ROLE and no right but to write. */
export async function hostileSessions(
  db: TestDatabase,
  tables: readonly string[],
): Promise<readonly WritingSession[]> {
  const sessions: WritingSession[] = [];
  for (const [about, settings] of Object.entries(HOSTILE_SETTINGS)) {
    const client = await db.client();
    // In one statement: some of them change how the next one is read.
    if (settings.length > 0)
      await client.query(settings.map((setting) => `SET ${setting}`).join('; '));
    await moneyLocale(client);
    sessions.push({ about, client });
  }
  const role = writerRole(db);
  await db.query(`CREATE ROLE ${role} LOGIN`);
  for (const setting of UGLY) await db.query(`ALTER ROLE ${role} SET ${setting}`);
  await db.query(`ALTER ROLE ${role} SET search_path = evil, pg_catalog, public`);
  const on = [...tables, 'public.staged'].join(', ');
  await db.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
  await db.query(`GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ${on} TO ${role}`);
  sessions.push({ about: 'a role with settings', client: await db.client({ user: role }) });
  return sessions;
}

/** Makes the database itself hostile: to those who read as well as to those who write. */
export async function hostileDatabase(db: TestDatabase): Promise<void> {
  for (const setting of [...UGLY, 'search_path = evil, pg_catalog, public'])
    await db.query(`ALTER DATABASE ${db.database} SET ${setting}`);
}

function writerRole(db: TestDatabase): string {
  return `writer_${db.database}`;
}

/** Roles belong to the server: this one has to go before the database does. */
export async function dropWriter(db: TestDatabase): Promise<void> {
  await db.query(`DROP OWNED BY ${writerRole(db)}; DROP ROLE ${writerRole(db)}`);
}
