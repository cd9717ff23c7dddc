import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { FrameError, FrameParser, frameSeed, HEADER_BYTES } from '../../kv/runtime/frame';
import { FrameQueue, PIECE_BYTES } from '../../kv/runtime/frame_queue';

const SEED = frameSeed('a test');

/** The dumb encoder: what the format says, with no cleverness. */
function frame(body: Uint8Array, seed = SEED): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32(body, seed), 4);
  return Buffer.concat([header, body]);
}

function parse(chunks: readonly Uint8Array[], max = 1 << 20): Buffer[] {
  const bodies: Uint8Array[] = [];
  const parser = new FrameParser(SEED, max, (body) => bodies.push(body));
  for (const chunk of chunks) parser.push(chunk);
  expect(parser.insideFrame).toBe(false);
  // Copied only now: a body that was overwritten by a later chunk would show.
  return bodies.map((body) => Buffer.from(body));
}

/** Cuts `bytes` at the given places (fractions of a million). */
function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = places
    .map((place) => Math.floor((place * bytes.length) / 1e6))
    .sort((x, y) => x - y);
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => bytes.slice(i === 0 ? 0 : (ends[i - 1] as number), end));
}

const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });

describe('the parser of frames', () => {
  test('any chunking gives the same frames', () => {
    const places = fc.array(fc.nat(1_000_000), { maxLength: 30 });
    fc.assert(
      fc.property(bodies, places, (list, cuts) => {
        const stream = Buffer.concat(list.map((body) => frame(body)));
        expect(parse(cutAt(stream, cuts))).toEqual(list.map((body) => Buffer.from(body)));
      }),
    );
  });

  test('byte by byte, and every cut into two, gives the same frames', () => {
    const list = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('three and more')];
    const stream = Buffer.concat(list.map((body) => frame(body)));
    expect(parse([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(list);
    for (let at = 0; at <= stream.length; at++) {
      expect(parse([stream.subarray(0, at), stream.subarray(at)])).toEqual(list);
    }
  });

  test('any flipped bit is noticed: an error, or a frame that never ends, but no other body', () => {
    const stream = frame(Buffer.from('precious'));
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const damaged = Buffer.from(stream);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const got: Uint8Array[] = [];
      const parser = new FrameParser(SEED, 1 << 20, (body) => got.push(body));
      let failed = false;
      try {
        parser.push(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
        failed = true;
      }
      expect(got).toEqual([]);
      expect(failed || parser.insideFrame).toBe(true);
    }
  });

  test('a frame of another connection, zeros, and a frame past the limit are refused', () => {
    const push = (bytes: Uint8Array, max = 100) =>
      new FrameParser(SEED, max, () => undefined).push(bytes);
    expect(() => push(frame(Buffer.from('x'), frameSeed('another')))).toThrow(FrameError);
    expect(() => push(Buffer.alloc(8))).toThrow('checksum');
    expect(() => push(frame(Buffer.alloc(101)))).toThrow('a frame of 101 bytes; at most 100');
    expect(() => push(Buffer.from('ffffffff00000000', 'hex'))).toThrow('4294967295 bytes');
    expect(() => push(frame(Buffer.alloc(100)))).not.toThrow();
  });

  test('a body within one chunk is not copied', () => {
    const chunk = new Uint8Array(frame(Buffer.from('shared')));
    new FrameParser(SEED, 100, (body) => expect(body.buffer).toBe(chunk.buffer)).push(chunk);
    expect.assertions(1);
  });

  test('after stop nothing is given out, not even the rest of the same chunk', () => {
    const got: string[] = [];
    const parser = new FrameParser(SEED, 100, (body) => {
      got.push(Buffer.from(body).toString());
      parser.stop();
    });
    parser.push(Buffer.concat([frame(Buffer.from('first')), frame(Buffer.from('second'))]));
    parser.push(frame(Buffer.from('third')));
    expect(got).toEqual(['first']);
  });
});

describe('the queue of frames', () => {
  const partSizes = fc.array(fc.constantFrom(0, 1, 7, 4095, 4096, 5000, 65_536, 600_000), {
    maxLength: 5,
  });
  const steps = fc.array(fc.record({ sizes: partSizes, take: fc.constantFrom(0, 1, 300_000) }), {
    maxLength: 12,
  });

  test('what is taken out is what was put in, whatever the parts and the moments', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new FrameQueue(SEED);
        const expected: Buffer[] = [];
        const taken: Uint8Array[] = [];
        list.forEach(({ sizes, take }, i) => {
          const parts = sizes.map((size, j) => new Uint8Array(size).fill(i * 16 + j + 1));
          const body = Buffer.concat(parts);
          queue.push(parts, body.length);
          expected.push(frame(body));
          taken.push(...queue.take(take));
          const out = taken.reduce((sum, piece) => sum + piece.length, 0);
          expect(queue.bytes).toBe(Buffer.concat(expected).length - out);
        });
        taken.push(...queue.take(Number.POSITIVE_INFINITY));
        expect(queue.bytes).toBe(0);
        expect(Buffer.compare(Buffer.concat(taken), Buffer.concat(expected))).toBe(0);
        for (const piece of taken) expect(piece.length).toBeLessThanOrEqual(PIECE_BYTES);
      }),
      { numRuns: 60 },
    );
  });

  test('many small messages leave as few pieces', () => {
    const queue = new FrameQueue(SEED);
    for (let i = 0; i < 1000; i++) queue.push([new Uint8Array(20), new Uint8Array(100)], 120);
    expect(queue.take(Number.POSITIVE_INFINITY).length).toBe(2);
  });

  test('a large part is referred to, not copied', () => {
    const part = new Uint8Array(10_000);
    const queue = new FrameQueue(SEED);
    queue.push([part], part.length);
    const pieces = queue.take(Number.POSITIVE_INFINITY);
    expect(pieces[1]?.buffer).toBe(part.buffer);
  });
});
