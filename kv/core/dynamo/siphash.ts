/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a short seal on bytes that only holders of a key can
 * make. It guards the metadata that clients hand back: what was made up or damaged is noticed.
 *
 * The 64-bit words are pairs of 32-bit integers, low half first.
 */

/** A seal of 8 bytes; `key` has 16. */
export function sipHash(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const k = [0, 4, 8, 12].map((at) => wordAt(key, at)) as [number, number, number, number];
  const state = new Int32Array([
    ...[k[0] ^ 0x70736575, k[1] ^ 0x736f6d65, k[2] ^ 0x6e646f6d, k[3] ^ 0x646f7261],
    ...[k[0] ^ 0x6e657261, k[1] ^ 0x6c796765, k[2] ^ 0x79746573, k[3] ^ 0x74656462],
  ]);
  const whole = bytes.length - (bytes.length % 8);
  for (let at = 0; at < whole; at += 8) absorb(state, wordAt(bytes, at), wordAt(bytes, at + 4));
  const rest = new Uint8Array(8);
  rest.set(bytes.subarray(whole));
  rest[7] = bytes.length;
  absorb(state, wordAt(rest, 0), wordAt(rest, 4));
  state[4] = (state[4] as number) ^ 0xff;
  for (let i = 0; i < 4; i++) round(state);
  const seal = new Uint8Array(8);
  putWord(seal, 0, at(state, 0) ^ at(state, 2) ^ at(state, 4) ^ at(state, 6));
  putWord(seal, 4, at(state, 1) ^ at(state, 3) ^ at(state, 5) ^ at(state, 7));
  return seal;
}

const at = (state: Int32Array, i: number): number => state[i] as number;

function wordAt(bytes: Uint8Array, from: number): number {
  let word = 0;
  for (let i = 3; i >= 0; i--) word = (word << 8) | (bytes[from + i] as number);
  return word;
}

function putWord(bytes: Uint8Array, from: number, word: number): void {
  for (let i = 0; i < 4; i++) bytes[from + i] = word >>> (8 * i);
}

function absorb(state: Int32Array, low: number, high: number): void {
  state[6] = at(state, 6) ^ low;
  state[7] = at(state, 7) ^ high;
  round(state);
  round(state);
  state[0] = at(state, 0) ^ low;
  state[1] = at(state, 1) ^ high;
}

function round(v: Int32Array): void {
  add(v, 0, 2);
  rotate(v, 2, 13);
  combine(v, 2, 0);
  rotate(v, 0, 32);
  add(v, 4, 6);
  rotate(v, 6, 16);
  combine(v, 6, 4);
  add(v, 0, 6);
  rotate(v, 6, 21);
  combine(v, 6, 0);
  add(v, 4, 2);
  rotate(v, 2, 17);
  combine(v, 2, 4);
  rotate(v, 4, 32);
}

function add(v: Int32Array, to: number, what: number): void {
  const low = (at(v, to) >>> 0) + (at(v, what) >>> 0);
  v[to + 1] = at(v, to + 1) + at(v, what + 1) + (low >= 2 ** 32 ? 1 : 0);
  v[to] = low;
}

function combine(v: Int32Array, to: number, what: number): void {
  v[to] = at(v, to) ^ at(v, what);
  v[to + 1] = at(v, to + 1) ^ at(v, what + 1);
}

function rotate(v: Int32Array, i: number, by: number): void {
  const low = at(v, i);
  const high = at(v, i + 1);
  const [a, b] = by === 32 ? [high, low] : [low, high];
  const bits = by % 32;
  if (bits === 0) {
    v[i] = a;
    v[i + 1] = b;
    return;
  }
  v[i] = (a << bits) | (b >>> (32 - bits));
  v[i + 1] = (b << bits) | (a >>> (32 - bits));
}
