import { Buffer } from 'node:buffer';

import type { ByteWriter } from '../json/byte-writer.ts';

/** As much as Node takes for small buffers: a record that waits for long, with others around it that do not, keeps no more than that. */
const SLAB = 8 * 1024;
/** What is larger gets bytes of its own. */
const MOST_SHARED = SLAB / 4;
const COMMA = 0x2c;

/** Where records are kept once they are written: one behind the other, with the comma between them that a bulk request needs. */
export class Slabs {
  /** That the newest record is in. */
  slab: Buffer = Buffer.alloc(0);
  /** Where it begins there. */
  start = 0;
  #shared: Buffer = this.slab;
  #used = 0;

  /** Copies what was written; `slab` and `start` say where to. */
  keep(out: ByteWriter): void {
    const { length } = out;
    if (length > MOST_SHARED) {
      this.slab = Buffer.allocUnsafeSlow(length);
      this.start = 0;
    } else {
      if (this.#used === 0 || this.#used + 1 + length > SLAB) {
        this.#shared = Buffer.allocUnsafeSlow(SLAB);
        this.#used = 0;
      } else {
        this.#shared[this.#used] = COMMA;
        this.#used += 1;
      }
      this.slab = this.#shared;
      this.start = this.#used;
      this.#used += length;
    }
    out.copyTo(this.slab, this.start);
  }
}
