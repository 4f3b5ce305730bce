/** The columns that write-back sets; changing them is not a change (I10). */
export const STATUS_COLUMNS: ReadonlySet<string> = new Set([
  'certyo_record_hash',
  'certyo_anchor_status',
  'certyo_verified_at',
]);

/** The xid8 column that polling's setup adds to a table. */
export const XID_COLUMN = 'certyo_xid';

/**
 * Columns that belong to this library and not to the row: no source puts them into a row or payload, so that a row has
 * one payload whichever source read it (I6).
 */
export const OWN_COLUMNS: ReadonlySet<string> = new Set([...STATUS_COLUMNS, XID_COLUMN]);
