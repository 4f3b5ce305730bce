/** Messages whose prefix begins so are the library's own: never given as events, whatever the options say. */
export const OWN_MESSAGE_PREFIX = 'certyo-cdc';

/** Which messages become events, by the option `messages`. */
export function wantsMessage(wanted: boolean | readonly string[], prefix: string): boolean {
  if (prefix.startsWith(OWN_MESSAGE_PREFIX)) return false;
  return typeof wanted === 'boolean' ? wanted : wanted.includes(prefix);
}
