import {
  CdcError,
  type ChangeEvent,
  type ColumnInfo,
  GapError,
  type JsonValue,
  type SourceEvent,
  SourceConnectionError,
  SourceSetupError,
} from '@certyo-cdc/core';
import {
  createSchemaChange,
  qualifiedName,
  quoteIdentifier,
  recordVersion,
  type TypeRegistry,
} from '@certyo-cdc/postgres';
import type { ReaderContext } from '../cursor/table-reader.ts';
import type { TableSettings } from '../settings.ts';
import { headerSql, type PageHeader, parseHeader, type ServerNow } from './header-sql.ts';
import { type PageRequest, type RawPage, readPage } from './read-page.ts';
import { planTable, type TablePlan } from './table-plan.ts';

export interface TableAccessOptions {
  readonly context: ReaderContext;
  readonly settings: TableSettings;
  readonly database: string;
  readonly user: string;
  readonly types: TypeRegistry;
  readonly allowStandby: boolean;
  readonly onEvent: (event: SourceEvent) => void;
  /** Refuses another server than the one that was opened. */
  readonly assertServer: (server: ServerNow) => void;
  /** Whether the lease certainly lasts. */
  readonly isHeld: () => boolean;
  /** The columns that a checkpoint knew, or null. */
  readonly known: readonly ColumnInfo[] | null;
  readonly oid: number | null;
}

/** How often a page is read again because the table was altered meanwhile. */
const ATTEMPTS = 5;

/** Reads pages of one table as it is at that moment: describes it again when it was altered. */
export class TableAccess {
  readonly #options: TableAccessOptions;
  #plan: TablePlan;
  #header: PageHeader | null = null;
  /** The columns of the last event that was handed over. */
  #known: readonly ColumnInfo[] | null;

  private constructor(options: TableAccessOptions, plan: TablePlan) {
    this.#options = options;
    this.#plan = plan;
    this.#known = options.known;
  }

  /** Describes the table. Refuses one that is not the one of the checkpoint. */
  static async open(
    options: TableAccessOptions,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<TableAccess> {
    const { context, settings } = options;
    const access = new TableAccess(
      options,
      await planTable(context.session, settings, { ...options, signal }),
    );
    if (options.oid !== null) access.#assertSameTable(options.oid);
    access.#warnOfHidden();
    return access;
  }

  /** What the newest page told of its snapshot. */
  get header(): PageHeader | null {
    return this.#header;
  }

  get plan(): TablePlan {
    return this.#plan;
  }

  /** Which table it is, and the columns of the last event, as a checkpoint keeps them. */
  stateNow(): Readonly<Record<string, JsonValue>> {
    const columns = this.#known ?? this.#plan.table.columns;
    return { oid: this.#plan.oid, columns: columns.map((column) => ({ ...column })) };
  }

  async page(
    request: Pick<PageRequest, 'where' | 'parameters'>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<RawPage> {
    const { context } = this.#options;
    const { guard, maxBytes, maxRows } = context;
    for (let attempt = 0; ; attempt++) {
      let page: RawPage | null;
      try {
        page = await readPage(
          context.session,
          this.#plan,
          { ...request, guard: guard(), maxBytes, maxRows },
          { signal },
        );
      } catch (error) {
        page = await this.#altered(error, attempt, signal);
      }
      if (page !== null) {
        this.#check(page.header);
        if (page.header.columns === this.#plan.fingerprint) return page;
      }
      if (attempt === ATTEMPTS) {
        throw new GapError('GAP_TABLE', `${this.#plan.settings.label} changes all the time.`, {
          remedy: 'Start again when its definition has settled.',
        });
      }
      await this.#describe(signal);
    }
  }

  /** What is true now, besides any page; refuses what a page would refuse. */
  async check({ signal }: { readonly signal: AbortSignal }): Promise<PageHeader> {
    const { context, settings } = this.#options;
    const { rows } = await context.session.query<{ readonly header: string }>(
      `SELECT ${headerSql(settings, context.guard())} AS header`,
      [],
      { signal },
    );
    const header = parseHeader(rows[0]?.header ?? '[]');
    this.#check(header);
    return header;
  }

  /** The event that tells of new columns; null where they are as they were. Taken once. */
  takeSchemaChange(position: bigint): ChangeEvent | null {
    const { table, settings } = this.#plan;
    const previous = this.#known;
    this.#known = table.columns;
    if (previous === null || hasSameColumns(previous, table.columns)) return null;
    const { source, epoch } = this.#options.context;
    return createSchemaChange({
      id: `${source.systemIdentifier}/${settings.label}/schema/${this.#plan.fingerprint}/${position}`,
      version: recordVersion(epoch, position, 0),
      transaction: null,
      source,
      table,
      previousColumns: previous,
    });
  }

  /** Refuses to hand over what was read, when another instance may have taken over since. */
  assertHeld(): void {
    if (this.#options.isHeld()) return;
    throw new SourceConnectionError(
      'SOURCE_BUSY',
      'The lease has ended while a page was read: another instance may have taken over.',
    );
  }

  async #describe(signal: AbortSignal): Promise<void> {
    const { context, settings } = this.#options;
    const known = this.#plan.oid;
    const key = this.#plan.key.map(({ name }) => name);
    const options = { ...this.#options, signal };
    this.#plan = await planTable(context.session, settings, options).catch(
      async (error: unknown) => {
        throw (await this.#isGone(signal)) ? goneError(settings.label, error) : error;
      },
    );
    this.#assertSameTable(known);
    const now = this.#plan.key.map(({ name }) => name);
    if (JSON.stringify(now) !== JSON.stringify(key)) {
      throw new GapError(
        'GAP_TABLE',
        `The key of ${settings.label} was (${key.join(', ')}) and is (${now.join(', ')}) now: records would change their names.`,
        {
          remedy: `Restore it, or name the old columns by keys['${settings.label}']; else start under a new pipeline name.`,
        },
      );
    }
    this.#warnOfHidden();
  }

  /** The table was altered, dropped or made again between two pages; or the statement failed for another reason. */
  async #altered(error: unknown, attempt: number, signal: AbortSignal): Promise<null> {
    const { settings, user } = this.#options;
    const { label } = settings;
    const code = CdcError.is(error) ? null : (error as { readonly code?: unknown } | null)?.code;
    if (code === '42501') {
      throw new SourceSetupError(`The role "${user}" may not read ${label}.`, {
        cause: error,
        remedy: `Run as the table's owner: GRANT SELECT ON ${label} TO ${quoteIdentifier(user)};`,
      });
    }
    if (code === '42P01') {
      throw goneError(label, error);
    }
    // A column that the page lists has gone, or has another type.
    const isDefinition =
      code === '42703' || code === '42883' || code === '42804' || code === '22P02';
    if (!isDefinition || attempt === ATTEMPTS) throw error;
    signal.throwIfAborted();
    return await Promise.resolve(null);
  }

  async #isGone(signal: AbortSignal): Promise<boolean> {
    const { context, settings } = this.#options;
    const { rows } = await context.session.query<{ readonly found: string | null }>(
      'SELECT pg_catalog.to_regclass($1)::text AS found',
      [qualifiedName(settings)],
      { signal },
    );
    return rows[0]?.found == null;
  }

  #check(header: PageHeader): void {
    this.#header = header;
    const { allowStandby, settings, user } = this.#options;
    const { label } = settings;
    this.#options.assertServer(header.server);
    this.#assertSameTable(this.#plan.oid, header.oid);
    if (header.isFiltered) {
      throw new SourceSetupError(
        `Row level security hides rows of ${label} from the role "${user}".`,
        {
          remedy: `Run as a superuser: ALTER ROLE ${quoteIdentifier(user)} BYPASSRLS;`,
        },
      );
    }
    if (header.isStandby && !allowStandby) throw standbyError();
    if (!header.isHeld) {
      throw new SourceConnectionError('SOURCE_BUSY', 'Another instance has taken the lease.');
    }
  }

  #assertSameTable(oid: number, now: number = this.#plan.oid): void {
    if (oid === now) return;
    const { label } = this.#plan.settings;
    throw new GapError(
      'GAP_TABLE',
      `${label} is another table than before: its oid was ${oid} and is ${now}.`,
      {
        remedy:
          'It was dropped and made again, or restored: what its old rows became is not known. Start under a new pipeline name.',
      },
    );
  }

  #warnOfHidden(): void {
    const { hidden, settings } = this.#plan;
    if (hidden.length === 0) return;
    this.#options.onEvent({
      type: 'source-warned',
      code: 'COLUMNS_HIDDEN',
      message: `Columns of ${settings.label} that the role may not read are left out: ${hidden.join(', ')}.`,
    });
  }
}

function goneError(label: string, cause: unknown): GapError {
  return new GapError('GAP_TABLE', `${label} does not exist any more.`, {
    cause,
    remedy:
      'Take it out of the option tables with acceptTables: true; or restore it, and start under a new pipeline name.',
  });
}

/** P-15: a standby shows changes later, and transactions in another order than the primary. */
export function standbyError(): SourceSetupError {
  return new SourceSetupError(
    'The server is a standby: it shows changes later than its primary, and may be promoted without them.',
    { remedy: 'Connect to the primary; or set allowStandby: true, knowing that.' },
  );
}

function hasSameColumns(left: readonly ColumnInfo[], right: readonly ColumnInfo[]): boolean {
  const text = (columns: readonly ColumnInfo[]): string =>
    JSON.stringify(columns.map(({ name, typeOid, typeName }) => [name, typeOid, typeName]));
  return text(left) === text(right);
}
