/**
 * A lane in two parts, for sinks of this library: its text, `place` and the name as a JSON string and a bracket, is a JSON
 * array of three texts, which is put together only when somebody reads it. It is the lane that `splitLane` gives for that text.
 */
export interface PlacedLane {
  /** All of the lane but the name of the record. */
  readonly lanePlace: string;
  readonly laneName: string;
}

/** What lanes with these first two texts have in common. */
export function placeOfLane(first: string, second: string): string {
  return `${JSON.stringify([first, second]).slice(0, -1)},`;
}

/** The text of a lane. A place that is empty stands for a lane of another form, which is its name. */
export function laneText(place: string, name: string): string {
  return place === '' ? name : `${place}${JSON.stringify(name)}]`;
}

/** The two parts of a lane of whatever form; one text is split in one way only. */
export function splitLane(lane: string): readonly [place: string, name: string] {
  if (!lane.startsWith('["')) return ['', lane];
  let parts: unknown;
  try {
    parts = JSON.parse(lane);
  } catch {
    return ['', lane];
  }
  if (!Array.isArray(parts) || parts.length !== 3) return ['', lane];
  const [first, second, name] = parts as readonly unknown[];
  if (typeof first !== 'string' || typeof second !== 'string' || typeof name !== 'string') {
    return ['', lane];
  }
  const place = placeOfLane(first, second);
  // Another spelling of the same texts is another lane, as it is for whoever compares the texts.
  return laneText(place, name) === lane ? [place, name] : ['', lane];
}
