/** Node's own way to make byte strings, handed to the core: see `core/latin1.ts`. */

import { type Latin1Decoder, useLatin1 } from '../core/latin1';

/** Not in the types of Node, but of every Buffer since its first version; it takes any bytes. */
const slice: (this: Uint8Array, start: number, end: number) => string = Reflect.get(
  Buffer.prototype,
  'latin1Slice',
);

export const nativeLatin1: Latin1Decoder = (bytes, start, end) => slice.call(bytes, start, end);

/** All nodes of the process profit, and nothing else changes. */
export const useNativeLatin1 = (): void => useLatin1(nativeLatin1);
