import fc from 'fast-check';
import { InvariantViolation } from '../../kv/core/assert';
import {
  ByteReader,
  ByteWriter,
  DecodeError,
  decodeUtf8,
  MAX_U48,
  utf8Length,
} from '../../kv/core/bytes';
import { latin1Text, plainLatin1, plainPutLatin1, putLatin1 } from '../../kv/core/latin1';
import { nativeLatin1, nativePutLatin1 } from '../../kv/runtime/native_latin1';

type Field =
  | { kind: 'u8' | 'u32' | 'u48' | 'f64'; value: number }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'text'; value: string };

const text = fc.string({ unit: 'grapheme' });
const number = (kind: 'u8' | 'u32' | 'u48', max: number) =>
  fc.integer({ min: 0, max }).map((value): Field => ({ kind, value }));
const field: fc.Arbitrary<Field> = fc.oneof(
  number('u8', 255),
  number('u32', 2 ** 32 - 1),
  number('u48', MAX_U48),
  fc.double().map((value): Field => ({ kind: 'f64', value })),
  fc.uint8Array().map((value): Field => ({ kind: 'bytes', value })),
  text.map((value): Field => ({ kind: 'text', value })),
);

function write(writer: ByteWriter, one: Field): void {
  if (one.kind === 'text') writer.text(one.value);
  else if (one.kind === 'bytes') writer.bytes(one.value);
  else writer[one.kind](one.value);
}

describe('writer and reader', () => {
  test('what was written is read, whatever the first capacity', () => {
    fc.assert(
      fc.property(fc.array(field), fc.integer({ min: 0, max: 100 }), (fields, capacity) => {
        const writer = new ByteWriter(capacity);
        for (const one of fields) write(writer, one);
        const bytes = writer.finish();
        expect(writer.length).toBe(bytes.length);
        const reader = new ByteReader(bytes);
        for (const one of fields) expect(reader[one.kind]()).toEqual(one.value);
        reader.end();
      }),
    );
  });

  test('cut at any place, the reader refuses and reads nothing beyond', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
        const writer = new ByteWriter();
        for (const one of fields) write(writer, one);
        const bytes = writer.finish();
        for (let length = 0; length < bytes.length; length++) {
          const reader = new ByteReader(bytes.subarray(0, length));
          expect(() => {
            for (const one of fields) reader[one.kind]();
          }).toThrow(DecodeError);
        }
      }),
    );
  });

  test('numbers are little-endian', () => {
    const bytes = new ByteWriter().u32(0x04030201).u48(0x060504030201).finish();
    expect([...bytes]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 5, 6]);
  });

  test('a number beyond 48 bits is refused, not cut', () => {
    for (const value of [-1, MAX_U48 + 1, Number.NaN]) {
      expect(() => new ByteWriter().u48(value)).toThrow(InvariantViolation);
    }
  });

  test('a flag is 0 or 1', () => {
    expect(new ByteReader(Uint8Array.of(1)).flag()).toBe(true);
    expect(new ByteReader(Uint8Array.of(0)).flag()).toBe(false);
    for (let byte = 2; byte < 256; byte++) {
      expect(() => new ByteReader(Uint8Array.of(byte)).flag()).toThrow(DecodeError);
    }
  });

  test('bytes too many are refused', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2));
    reader.u8();
    expect(() => reader.end()).toThrow('1 bytes too many');
  });

  test('a length that claims more than there is takes no memory', () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0);
    expect(() => new ByteReader(bytes).bytes()).toThrow(DecodeError);
    expect(() => new ByteReader(bytes).text()).toThrow(DecodeError);
  });

  test('a reader of a part of a larger buffer stays in its part', () => {
    const reader = new ByteReader(Uint8Array.of(9, 1, 2, 9).subarray(1, 3));
    expect([reader.u8(), reader.u8(), reader.left]).toEqual([1, 2, 0]);
    expect(() => reader.u8()).toThrow(DecodeError);
  });
});

describe('byte strings', () => {
  test('are the bytes, one character each, at any length', () => {
    for (const length of [0, 1, 255, 4095, 4096, 4097, 12_288, 100_001]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
      expect(latin1Text(bytes)).toBe(Buffer.from(bytes).toString('latin1'));
      const back = new ByteWriter(0).latin1(latin1Text(bytes)).finish();
      expect(Buffer.from(back).equals(bytes)).toBe(true);
    }
  });

  test('of a part are that part', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), fc.nat(), (bytes, one, other) => {
        const [here, there] = [one % (bytes.length + 1), other % (bytes.length + 1)];
        const [start, end] = [Math.min(here, there), Math.max(here, there)];
        const expected = Buffer.from(bytes).toString('latin1', start, end);
        expect(latin1Text(bytes, start, end)).toBe(expected);
        expect(plainLatin1(bytes, start, end)).toBe(expected);
        expect(nativeLatin1(bytes, start, end)).toBe(expected);
      }),
    );
  });

  test('are put where they belong, and nothing beside them is touched', () => {
    const text = fc.uint8Array({ maxLength: 100 }).map((bytes) => latin1Text(bytes));
    fc.assert(
      fc.property(text, fc.nat(20), fc.nat(20), fc.nat(100), (whole, before, behind, cut) => {
        // A piece of a longer text is what a snapshot puts.
        const piece = whole.slice(cut);
        const expected = Buffer.alloc(before + piece.length + behind, 7);
        expected.set(Buffer.from(piece, 'latin1'), before);
        for (const put of [putLatin1, plainPutLatin1, nativePutLatin1]) {
          const larger = new Uint8Array(expected.length + 2).fill(7);
          put(piece, larger.subarray(1, 1 + expected.length), before);
          expect(Buffer.from(larger.subarray(1, -1)).equals(expected)).toBe(true);
          expect([larger[0], larger.at(-1)]).toEqual([7, 7]);
        }
      }),
    );
  });
});

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node's own strict decoder is the oracle. */
function oracle(bytes: Uint8Array): string | undefined {
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

/** The bytes at which UTF-8 decides something. */
const EDGES = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf].concat(
  [0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff],
);

describe('UTF-8', () => {
  test('every code point is written as Node writes it, and read again', () => {
    for (let from = 0; from < 0x110000; from += 0x1000) {
      const points = Array.from({ length: 0x1000 }, (_, i) => from + i);
      const valid = points.filter((point) => point < 0xd800 || point > 0xdfff);
      const string = valid.map((point) => String.fromCodePoint(point)).join('');
      const bytes = new ByteWriter().text(string).finish().subarray(4);
      expect(Buffer.from(bytes).equals(Buffer.from(string))).toBe(true);
      expect(utf8Length(string)).toBe(bytes.length);
      expect(decodeUtf8(bytes) === string).toBe(true);
    }
  });

  test('a surrogate without its pair is written as U+FFFD', () => {
    for (const string of ['\ud800', '\udc00', 'a\ud800b', '\udc00\ud800', '\ud800\ud800\udc00']) {
      const bytes = new ByteWriter().text(string).finish().subarray(4);
      expect(Buffer.from(bytes).equals(Buffer.from(string))).toBe(true);
      expect(utf8Length(string)).toBe(bytes.length);
    }
  });

  test('all of one and two bytes are judged as Node judges them', () => {
    for (let a = 0; a < 256; a++) {
      const one = Uint8Array.of(a);
      if (decoded(one) !== oracle(one)) throw new Error(`differs at ${one}`);
      for (let b = 0; b < 256; b++) {
        const bytes = Uint8Array.of(a, b);
        if (decoded(bytes) !== oracle(bytes)) throw new Error(`differs at ${bytes}`);
      }
    }
  });

  test('all sequences of three and four deciding bytes are judged as Node judges them', () => {
    for (const a of EDGES) {
      for (const b of EDGES) {
        for (const c of EDGES) {
          // Of the fourth byte it only matters whether it continues a sequence.
          for (const bytes of [[a, b, c], ...[0x41, 0x80, 0xbf, 0xc0].map((d) => [a, b, c, d])]) {
            const array = Uint8Array.from(bytes);
            if (decoded(array) !== oracle(array)) throw new Error(`differs at ${bytes}`);
          }
        }
      }
    }
  });

  test('text with one byte changed or missing is judged as Node judges it', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.nat({ max: 255 }), (string, where, byte) => {
        const bytes = new Uint8Array(Buffer.from(`${string}ы€😀`));
        const at = where % bytes.length;
        const cut = bytes.subarray(0, at);
        expect(decoded(cut)).toBe(oracle(cut));
        bytes[at] = byte;
        expect(decoded(bytes)).toBe(oracle(bytes));
      }),
    );
  });
});
