/** Where small buffers come from. */

/** Small buffers are cut from slabs of this size. */
const SLAB_BYTES = 64 * 1024;
/** Anything larger gets a buffer of its own, so that little of a slab is wasted at its end. */
const LARGEST_CUT = 4 * 1024;

let slab = new Uint8Array(0);
let slabUsed = 0;

/**
 * Zeroed bytes that nobody else has. An engine frees buffers one by one, in a pause; a log of a
 * hundred thousand entries, compacted at once, must not be a hundred thousand of them.
 */
export function allocate(length: number): Uint8Array {
  if (length > LARGEST_CUT) return new Uint8Array(length);
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += length;
  return slab.subarray(slabUsed - length, slabUsed);
}
