/** Waits longer than this are cut to it. */
export const MAX_RETRY_AFTER_MS: number = 10 * 60 * 1000;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
/** The three forms of HTTP-date (RFC 9110, section 5.6.7). `Date.parse` would also take free text for a date. */
const HTTP_DATES: readonly RegExp[] = [
  new RegExp(
    `^[A-Z][a-z]{2}, (?<day>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} GMT$`,
    'u',
  ),
  new RegExp(
    `^[A-Z][a-z]{5,8}, (?<day>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${TIME} GMT$`,
    'u',
  ),
  new RegExp(
    `^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`,
    'u',
  ),
];

/**
 * How long an answer asks to wait, in milliseconds from 0 to `MAX_RETRY_AFTER_MS`, or null where it says nothing that
 * can be read.
 *
 * @param retryAfter The `Retry-After` header: seconds or an HTTP-date.
 * @param date The answer's `Date` header: dates are counted from it, because the clocks may differ.
 * @param nowMs Our clock, for answers without a `Date`.
 */
export function parseRetryAfter(
  retryAfter: string | null,
  date: string | null,
  nowMs: number,
): number | null {
  if (retryAfter === null) return null;
  const text = retryAfter.trim();
  if (/^\d+(\.\d+)?$/u.test(text)) return clamp(Number(text) * 1000);
  const at = parseHttpDate(text);
  if (at === null) return null;
  return clamp(at - (date === null ? nowMs : (parseHttpDate(date.trim()) ?? nowMs)));
}

function clamp(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), MAX_RETRY_AFTER_MS);
}

/** Milliseconds since 1970, or null for what is no HTTP-date. */
export function parseHttpDate(text: string): number | null {
  for (const form of HTTP_DATES) {
    const groups = form.exec(text)?.groups;
    if (groups === undefined) continue;
    const month = MONTHS.indexOf(groups['month'] ?? '');
    const ms = Date.UTC(
      fullYear(groups['year'] ?? ''),
      month,
      Number(groups['day']),
      Number(groups['hour']),
      Number(groups['minute']),
      Number(groups['second']),
    );
    return month === -1 || Number.isNaN(ms) ? null : ms;
  }
  return null;
}

function fullYear(text: string): number {
  const year = Number(text);
  // RFC 850 dates have two digits; this library knows no server older than 2000.
  return text.length === 2 ? 2000 + year : year;
}
