import { ConfigurationError, GapError, type JsonValue } from '@certyo-cdc/core';

import { createArrayCodec } from './array-codec.ts';
import { BUILTIN_CODECS } from './builtin-types.ts';
import { hstoreCodec } from './hstore-codec.ts';
import { textCodec } from './scalar-codecs.ts';
import { type TypeDescriptor, typeDescriptorFrom } from './type-descriptor.ts';
import type { ValueCodec } from './value-codec.ts';

/** Which column a codec is wanted for: it is named when the type is not known. */
export interface TypeUse {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/**
 * The types that a source can decode: the built-in ones, and those whose descriptors it was given.
 */
export interface TypeRegistry {
  /** The oids among these whose descriptors (or what they lead to) are still to be read from the catalog, once each. */
  missing(oids: Iterable<number>): number[];
  /** Takes descriptors in; a newer one of the same oid replaces the older. */
  add(descriptors: Iterable<TypeDescriptor>): void;
  /** The descriptor of a type that is not built in, or null. */
  descriptor(oid: number): TypeDescriptor | null;
  /**
   * The codec of a type.
   *
   * @throws GapError `GAP_TYPE_UNKNOWN` when the type, or one that it is made from, is not known.
   */
  codec(oid: number, use?: TypeUse): ValueCodec;
  /** The descriptors, to be kept with the checkpoint. */
  toJSON(): JsonValue;
}

/** Makes a registry of the built-in types and the given ones. */
export function createTypeRegistry(descriptors: Iterable<TypeDescriptor> = []): TypeRegistry {
  const registry = new DescriptorRegistry();
  registry.add(descriptors);
  return registry;
}

/**
 * Makes a registry from what `toJSON` gave, also after a trip through JSON text.
 *
 * @throws ConfigurationError for anything else.
 */
export function restoreTypeRegistry(json: JsonValue): TypeRegistry {
  if (!Array.isArray(json)) throw refuse();
  const values: readonly JsonValue[] = json;
  return createTypeRegistry(
    values.map((value) => {
      const descriptor = typeDescriptorFrom(value);
      if (descriptor === null) throw refuse();
      return descriptor;
    }),
  );
}

function refuse(): ConfigurationError {
  return new ConfigurationError('types', 'Expected `types` to be stored type descriptors.');
}

class DescriptorRegistry implements TypeRegistry {
  readonly #descriptors = new Map<number, TypeDescriptor>();
  readonly #codecs = new Map<number, ValueCodec>();

  missing(oids: Iterable<number>): number[] {
    const missing = new Set<number>();
    for (const oid of oids) {
      const unknown = this.#unknownBelow(oid);
      if (unknown !== null) missing.add(unknown);
    }
    return [...missing];
  }

  add(descriptors: Iterable<TypeDescriptor>): void {
    for (const descriptor of descriptors) {
      if (BUILTIN_CODECS.has(descriptor.oid)) continue;
      this.#descriptors.set(descriptor.oid, descriptor);
    }
    // A codec may be made from others that have just been replaced.
    this.#codecs.clear();
  }

  descriptor(oid: number): TypeDescriptor | null {
    return this.#descriptors.get(oid) ?? null;
  }

  codec(oid: number, use?: TypeUse): ValueCodec {
    const known = BUILTIN_CODECS.get(oid) ?? this.#codecs.get(oid);
    if (known !== undefined) return known;
    const unknown = this.#unknownBelow(oid);
    if (unknown !== null) throw unknownType(oid, unknown, use);
    const codec = this.#make(oid);
    this.#codecs.set(oid, codec);
    return codec;
  }

  toJSON(): JsonValue {
    return [...this.#descriptors.values()]
      .sort((left, right) => left.oid - right.oid)
      .map((descriptor) => ({ ...descriptor }));
  }

  /** The first oid without a descriptor on the way from a type to what it is made from, or null. */
  #unknownBelow(oid: number): number | null {
    let next: number | null = oid;
    // The catalog has no cycles; a damaged checkpoint could have one.
    for (let steps = 0; next !== null && steps <= this.#descriptors.size; steps += 1) {
      if (BUILTIN_CODECS.has(next)) return null;
      const descriptor = this.#descriptors.get(next);
      if (descriptor === undefined) return next;
      next = descriptor.elementOid ?? descriptor.baseOid;
    }
    return next;
  }

  #make(oid: number): ValueCodec {
    const builtin = BUILTIN_CODECS.get(oid);
    if (builtin !== undefined) return builtin;
    const descriptor = this.#descriptors.get(oid);
    if (descriptor === undefined) throw unknownType(oid, oid, undefined);
    if (descriptor.elementOid !== null) {
      return createArrayCodec(this.#make(descriptor.elementOid), descriptor.delimiter);
    }
    if (descriptor.baseOid !== null) return this.#make(descriptor.baseOid);
    if (descriptor.name === 'hstore' && descriptor.extension === 'hstore') return hstoreCodec;
    return textCodec;
  }
}

function unknownType(oid: number, unknown: number, use: TypeUse | undefined): GapError {
  const column =
    use === undefined ? 'A column' : `Column "${use.column}" of "${use.schema}"."${use.table}"`;
  const made = unknown === oid ? '' : ` (which is made from type ${unknown})`;
  return new GapError(
    'GAP_TYPE_UNKNOWN',
    `${column} is of the type with oid ${oid}${made}, which is neither built in nor in the catalog.`,
    {
      remedy:
        'It was dropped before its last values were read: copy the table again, and drop types only when nothing is left to read.',
    },
  );
}
