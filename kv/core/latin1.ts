/**
 * Byte strings from bytes: one character for each.
 *
 * The language has no fast way to do this, while engines' hosts do: Node reads 256 bytes ten times
 * as fast, and without a list of numbers for each string. So whoever drives the core may hand it
 * the host's way (`useLatin1`), which must give the very same strings; a test compares the two.
 */

/** The characters of `bytes` from `start` up to but not including `end`. */
export type Latin1Decoder = (bytes: Uint8Array, start: number, end: number) => string;

let decode: Latin1Decoder = plainLatin1;

/** Short strings cost less to make here than to ask the host for. */
const SHORT = 12;
/** How many characters `String.fromCharCode` is given at once: far below every engine's limit. */
const CHARACTERS_AT_ONCE = 4096;

/** From now on long strings are made by `decoder`. */
export function useLatin1(decoder: Latin1Decoder): void {
  decode = decoder;
}

/** One character for each byte, from `start` up to but not including `end`. */
export function latin1Text(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return end - start < SHORT ? plainLatin1(bytes, start, end) : decode(bytes, start, end);
}

/** The same in plain code: what the core does where nobody helps it. */
export function plainLatin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= CHARACTERS_AT_ONCE) {
    return Reflect.apply(String.fromCharCode, undefined, bytes.subarray(start, end));
  }
  let text = '';
  for (let at = start; at < end; at += CHARACTERS_AT_ONCE) {
    text += plainLatin1(bytes, at, Math.min(end, at + CHARACTERS_AT_ONCE));
  }
  return text;
}
