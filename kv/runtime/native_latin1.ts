/** Node's own way to make byte strings and to put them back, handed to the core: see `core/latin1.ts`. */

import { type Latin1Decoder, type Latin1Encoder, useLatin1 } from '../core/latin1';

// Not in the types of Node, but of every Buffer since its first version; they take any bytes.
const slice: (this: Uint8Array, start: number, end: number) => string = Reflect.get(
  Buffer.prototype,
  'latin1Slice',
);
const write: (this: Uint8Array, text: string, at: number) => number = Reflect.get(
  Buffer.prototype,
  'latin1Write',
);

export const nativeLatin1: Latin1Decoder = (bytes, start, end) => slice.call(bytes, start, end);

export const nativePutLatin1: Latin1Encoder = (text, bytes, at) => {
  write.call(bytes, text, at);
};

/** All nodes of the process profit, and nothing else changes. */
export const useNativeLatin1 = (): void => useLatin1(nativeLatin1, nativePutLatin1);
