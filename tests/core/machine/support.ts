/** What the tests of the state machine share: byte strings, slices, damaged bytes. */

import { logIndex, millis } from '../../../kv/core/ids';
import type {
  ApplyContext,
  SnapshotCursor,
  SnapshotLoader,
} from '../../../kv/core/machine/state_machine';

export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

export const at = (index: number, time = 0): ApplyContext => ({
  index: logIndex(index),
  time: millis(time),
});

/** All that is left of a walk, in slices of the given size. */
export function drain(cursor: SnapshotCursor, bytes = 1000): Uint8Array {
  const slices: Uint8Array[] = [];
  for (let slice = cursor.next(bytes); slice !== undefined; slice = cursor.next(bytes)) {
    if (slice.length === 0 || slice.length > bytes) throw new Error(`${slice.length} of ${bytes}`);
    slices.push(slice);
  }
  return new Uint8Array(Buffer.concat(slices));
}

/** Loads a snapshot in slices of the given size, from a buffer that is reused for each. */
export function load<Machine>(
  loader: SnapshotLoader<Machine>,
  snapshot: Uint8Array,
  size: number,
): Machine {
  const buffer = new Uint8Array(size);
  for (let from = 0; from < snapshot.length; from += size) {
    const slice = snapshot.subarray(from, from + size);
    buffer.set(slice);
    loader.write(buffer.subarray(0, slice.length));
    buffer.fill(0xee);
  }
  return loader.finish();
}

/** Every way to cut bytes short, and every way to flip one bit of them. */
export function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const copy = bytes.slice();
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    yield copy;
  }
  yield new Uint8Array([...bytes, 0]);
}

/** The value, or the name of the error's class where it throws. */
export function outcome<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    return (error as Error).constructor.name;
  }
}
