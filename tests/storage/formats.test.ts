/** The formats as DESIGN.md draws them: fixed bytes, so that a change of format is noticed. */

import { crc32 as fast } from 'node:zlib';
import * as fc from 'fast-check';
import { snapshotName, storageId } from '../../kv/core/ids';
import { BatchEncoder } from '../../kv/storage/batch_encoder';
import { crc32, tableCrc32 } from '../../kv/storage/checksum';
import {
  durableAt,
  lengthAt,
  provesDurable,
  RECORD_HEADER_BYTES,
  recordEnd,
  sequenceAt,
  typeAt,
} from '../../kv/storage/record_format';
import { headerFault, segmentHeader, segmentSeed } from '../../kv/storage/segment_format';
import { snapshotFooter, snapshotHead } from '../../kv/storage/snapshot_format';

const ID = storageId(0x0102030405);

const RECORD = '01e2b003 02000000 090000000000 070000000000 03 6869';
const SEGMENT = '71756f72756d6b6a 01000000 050403020100 080000000000 00000000 29143d39';
const SNAPSHOT = '71756f72756d6b73 01000000 050403020100 060000000000 04000000 389ca190 6d657461';
const FOOTER = '646f6e65 701101000000 104c84ac';

const hex = (text: string): string => text.replaceAll(' ', '');

describe('the checksum', () => {
  it('is CRC-32, also without the help of zlib, and continues from a seed', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    void fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), fc.nat(), (a, b, seed) => {
        expect(tableCrc32(a, seed)).toBe(crc32(a, seed));
        expect(crc32(b, crc32(a, seed))).toBe(crc32(Buffer.concat([a, b]), seed));
        if (fast !== undefined) expect(crc32(a, seed)).toBe(fast(a, seed));
      }),
    );
  });
});

describe('a record', () => {
  const encode = (type: number, payload: Uint8Array, offset: number, seed: number): Buffer => {
    const encoder = new BatchEncoder();
    const target = { seed, offset, room: 1 << 20, mayExceed: true, sequence: 9, durable: 7 };
    expect(encoder.encode([{ type, payload }], 0, target)).toBe(1);
    return Buffer.concat(encoder.parts);
  };

  it('comes back as it was, where it was written and nowhere else', () => {
    const any = fc.record({
      type: fc.integer({ min: 1, max: 255 }),
      payload: fc.uint8Array({ maxLength: 100 }),
      // Before it there is room for the two records that its number says were there.
      at: fc.integer({ min: 2 * RECORD_HEADER_BYTES, max: 200 }),
      seed: fc.nat(),
    });
    void fc.assert(
      fc.property(any, ({ type, payload, at, seed }) => {
        const bytes = Buffer.alloc(400);
        const written = encode(type, payload, at, seed);
        written.copy(bytes, at);
        expect(recordEnd(bytes, at, seed, 9)).toBe(at + written.length);
        expect([lengthAt(bytes, at), sequenceAt(bytes, at)]).toEqual([payload.length, 9]);
        expect([durableAt(bytes, at), typeAt(bytes, at)]).toEqual([7, type]);
        const body = bytes.subarray(at + RECORD_HEADER_BYTES, at + written.length);
        expect(body.equals(payload)).toBe(true);
        expect(recordEnd(bytes, at, seed, 8)).toBeUndefined();
        expect(recordEnd(bytes, at, seed + 1, 9)).toBeUndefined();
        expect(recordEnd(bytes.subarray(0, at + written.length - 1), at, seed, 9)).toBeUndefined();
        expect(recordEnd(bytes.subarray(1), at - 1, seed, 9)).toBeUndefined();
        expect(provesDurable(bytes, 0, seed, 7)).toBe(true);
        expect(provesDurable(bytes, 0, seed, 8)).toBe(false);
        expect(provesDurable(bytes, at + 1, seed, 7)).toBe(false);
      }),
    );
  });

  it('is found behind others however small they are, but not where they would have no room', () => {
    for (let before = 1; before <= 10; before++) {
      const at = before * RECORD_HEADER_BYTES;
      const bytes = Buffer.concat([Buffer.alloc(at), encode(1, new Uint8Array(0), at, 5)]);
      // It is record 9 and says that 7 was durable; the first of those before it is gone.
      expect(provesDurable(bytes, 1, 5, 9 - before)).toBe(before >= 2);
      expect(provesDurable(bytes, 1, 5, 9 - before - 1)).toBe(false);
    }
  });

  it('has the bytes that the format says, copied or by reference', () => {
    const header = encode(3, Buffer.from('hi'), 32, segmentSeed(ID, 8));
    expect(header.toString('hex')).toBe(hex(RECORD));
    for (const length of [32 * 1024 - 1, 32 * 1024, 100_000]) {
      const payload = Buffer.alloc(length, 'abc');
      const bytes = encode(3, payload, 0, 5);
      expect(recordEnd(bytes, 0, 5, 9)).toBe(RECORD_HEADER_BYTES + length);
    }
  });

  it('is never a run of zeros, whatever the seed', () => {
    const zeros = Buffer.alloc(100);
    void fc.assert(
      fc.property(fc.nat(), fc.nat(50), fc.integer({ min: 1 }), (seed, at, sequence) => {
        expect(recordEnd(zeros, at, seed, sequence)).toBeUndefined();
        expect(provesDurable(zeros, at, seed, sequence)).toBe(false);
      }),
    );
  });
});

describe('a segment', () => {
  it('has the header that the format says', () => {
    expect(segmentHeader(ID, 8).toString('hex')).toBe(hex(SEGMENT));
    expect(headerFault(segmentHeader(ID, 8), ID, 8)).toBeUndefined();
    expect(headerFault(segmentHeader(ID, 8), ID, 9)).toMatch(/begins with record 8/);
    expect(headerFault(segmentHeader(ID, 8), storageId(1), 8)).toMatch(/the folder is 1/);
  });

  it('has a seed of its own', () => {
    const seeds = new Set<number>();
    for (let first = 1; first <= 1000; first++) seeds.add(segmentSeed(ID, first));
    for (let id = 1; id <= 1000; id++) seeds.add(segmentSeed(storageId(id), 1));
    expect(seeds.size).toBe(2000);
  });
});

describe('a snapshot', () => {
  it('has the header and the footer that the format says', () => {
    const head = snapshotHead(ID, 6, snapshotName('s-1'), Buffer.from('meta'));
    expect(head.toString('hex')).toBe(hex(SNAPSHOT));
    expect(snapshotFooter(70_000, 5).toString('hex')).toBe(hex(FOOTER));
  });
});
