const LONE_SURROGATE = /\p{Surrogate}/u;

/** True for a text with half of a surrogate pair, which UTF-8 cannot carry and encoders replace in silence. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE_SURROGATE.test(text);
}
