/** The payload member that names the columns whose values the source could not see. */
export const UNAVAILABLE_KEY = '_unavailable';
