/** The beginning of the oids that stand for tables which are no longer there; no table has one so high in practice. */
const GONE = 0xf000_0000;

/** A number for a table that was dropped before its changes were read: nobody knows its oid any more. */
export function goneTableNumber(label: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < label.length; i += 1) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x0100_0193);
  }
  return GONE + ((hash >>> 0) & 0x0fff_ffff);
}
