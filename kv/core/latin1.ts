/**
 * Byte strings from bytes and back: one character for each byte.
 *
 * The language has no fast way to do this, while engines' hosts do: Node reads 256 bytes ten times
 * as fast, and without a list of numbers for each string; it writes the values of a snapshot thirty
 * times as fast. So whoever drives the core may hand it the host's way (`useLatin1`), which must
 * give the very same strings and bytes; tests compare the two.
 */

/** The characters of `bytes` from `start` up to but not including `end`. */
export type Latin1Decoder = (bytes: Uint8Array, start: number, end: number) => string;
/** Puts the characters of `text` into `bytes` from `at` on, where there is room for them. */
export type Latin1Encoder = (text: string, bytes: Uint8Array, at: number) => void;

let decode: Latin1Decoder = plainLatin1;
let encode: Latin1Encoder = plainPutLatin1;

/** Short strings cost less to make and to put here than to ask the host for. */
const SHORT = 12;
/** How many characters `String.fromCharCode` is given at once: far below every engine's limit. */
const CHARACTERS_AT_ONCE = 4096;

/** From now on long strings are made by `decoder` and put into bytes by `encoder`. */
export function useLatin1(decoder: Latin1Decoder, encoder: Latin1Encoder): void {
  decode = decoder;
  encode = encoder;
}

/** One character for each byte, from `start` up to but not including `end`. */
export function latin1Text(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return end - start < SHORT ? plainLatin1(bytes, start, end) : decode(bytes, start, end);
}

/** One byte for each character, all of which must be below 256, from `at` on. */
export function putLatin1(text: string, bytes: Uint8Array, at: number): void {
  if (text.length < SHORT) plainPutLatin1(text, bytes, at);
  else encode(text, bytes, at);
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

/** The way back in plain code. */
export function plainPutLatin1(text: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
