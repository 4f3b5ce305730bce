/** Says where a value is not what it has to be: a path, or null. */
export type Shape = (value: unknown, path: string) => string | null;

function where(isRight: (value: unknown) => boolean): Shape {
  return (value, path) => (isRight(value) ? null : path);
}

export const text: Shape = where((value) => typeof value === 'string');
export const textOrNull: Shape = where((value) => value === null || typeof value === 'string');
export const flag: Shape = where((value) => typeof value === 'boolean');
export const count: Shape = where((value) => Number.isSafeInteger(value) && Number(value) >= 0);
export const digest: Shape = where(
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
);
export const anything: Shape = where((value) => value !== undefined);

export function oneOf(...allowed: readonly (string | number)[]): Shape {
  return where((value) => allowed.some((each) => each === value));
}

export function orNull(shape: Shape): Shape {
  return (value, path) => (value === null ? null : shape(value, path));
}

export function listOf(shape: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return path;
    for (const [index, each] of value.entries()) {
      const wrong = shape(each, `${path}[${String(index)}]`);
      if (wrong !== null) return wrong;
    }
    return null;
  };
}

/** An object with exactly these members. */
export function object(members: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return path;
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(members, name));
    if (unknown !== undefined) return `${path}.${unknown}`;
    for (const [name, shape] of Object.entries(members)) {
      const each = Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined;
      const wrong = shape(each, `${path}.${name}`);
      if (wrong !== null) return wrong;
    }
    return null;
  };
}
