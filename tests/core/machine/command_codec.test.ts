import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import { DecodeError } from '../../../kv/core/bytes';
import type { Command, CommandResult } from '../../../kv/core/command';
import {
  checkCommand,
  decodeCommand,
  decodeResult,
  encodeCommand,
  encodeResult,
} from '../../../kv/core/machine/command_codec';
import { commandHash, digestOf, keyHash } from '../../../kv/core/machine/hash';
import { bytesOf, damaged } from './support';

const byteString = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const value = fc.uint8Array({ minLength: 1, maxLength: 300 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: byteString(600), value }),
  fc.record({ kind: fc.constant('append' as const), key: byteString(600), value }),
  fc.record({ kind: fc.constant('delete' as const), key: byteString(600) }),
);

describe('commands', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(command, (one) => expect(decodeCommand(encodeCommand(one))).toEqual(one)),
    );
  });

  test('have the bytes that the drawing says', () => {
    const bytes = encodeCommand({ kind: 'append', key: 'k\xff', value: bytesOf('12') });
    expect([...bytes]).toEqual([1, 2, 2, 0, 0x6b, 0xff, 0x31, 0x32]);
    const long = encodeCommand({ kind: 'delete', key: 'x'.repeat(0x1234) });
    expect([...long.subarray(0, 4)]).toEqual([1, 3, 0x34, 0x12]);
  });

  test.each<Command>([
    { kind: 'put', key: 'key', value: bytesOf('{"a":1}') },
    { kind: 'append', key: '', value: bytesOf('1') },
    { kind: 'delete', key: 'a key' },
  ])('damaged bytes are refused or another command that is whole: $kind', (one) => {
    for (const bytes of damaged(encodeCommand(one))) {
      let decoded: Command;
      try {
        decoded = decodeCommand(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        continue;
      }
      expect(encodeCommand(decoded)).toEqual(bytes);
    }
  });

  test('any bytes are refused or mean exactly one command', () => {
    const head = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 40 }), ([version, operation], rest) => {
        const bytes = Uint8Array.of(version, operation, ...rest);
        let refused = false;
        try {
          checkCommand(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
          refused = true;
        }
        if (!refused) expect(encodeCommand(decodeCommand(bytes))).toEqual(bytes);
      }),
    );
  });

  test('what cannot be decoded is not encoded', () => {
    const tooLong = 'k'.repeat(0x10000);
    expect(() => encodeCommand({ kind: 'delete', key: tooLong })).toThrow(InvariantViolation);
    expect(() => encodeCommand({ kind: 'delete', key: 'Ā' })).toThrow(InvariantViolation);
    const empty = new Uint8Array(0);
    expect(() => encodeCommand({ kind: 'put', key: 'k', value: empty })).toThrow(
      InvariantViolation,
    );
    expect(decodeCommand(encodeCommand({ kind: 'delete', key: tooLong.slice(1) })).key).toBe(
      tooLong.slice(1),
    );
  });
});

describe('results', () => {
  test.each<CommandResult>(['ok', 'not_found', 'not_a_list', 'too_large'])('%s', (result) => {
    expect(decodeResult(encodeResult(result))).toBe(result);
    expect(encodeResult(result)).toHaveLength(1);
  });

  test('anything else is refused', () => {
    for (let byte = 4; byte < 256; byte++) {
      expect(() => decodeResult(Uint8Array.of(byte))).toThrow(DecodeError);
    }
    expect(() => decodeResult(new Uint8Array(0))).toThrow(DecodeError);
    expect(() => decodeResult(Uint8Array.of(0, 0))).toThrow(DecodeError);
  });
});

describe('hashes', () => {
  test('the hash of a command is MurmurHash3, for ever', () => {
    expect(commandHash(bytesOf(''))).toBe(0);
    expect(commandHash(bytesOf('test')) >>> 0).toBe(0xba6bd213);
    expect(commandHash(bytesOf('Hello, world!')) >>> 0).toBe(0xc0363e43);
    const fox = 'The quick brown fox jumps over the lazy dog';
    expect(commandHash(bytesOf(fox)) >>> 0).toBe(0x2e4ff723);
  });

  test('keys that differ little are spread evenly over 4096 places', () => {
    const counts = new Array<number>(4096).fill(0);
    for (let i = 0; i < 409_600; i++) {
      const place = keyHash(`user/${i}`) % 4096;
      counts[place] = (counts[place] as number) + 1;
    }
    // 100 are expected in each; by chance alone none is beyond six standard deviations.
    expect(Math.max(...counts)).toBeLessThan(160);
    expect(Math.min(...counts)).toBeGreaterThan(40);
  });

  test('a digest does not depend on the cuts and changes with every byte', () => {
    const cursorOf = (...slices: number[][]) => ({
      next: () => {
        const slice = slices.shift();
        return slice === undefined ? undefined : Uint8Array.from(slice);
      },
      release: () => undefined,
    });
    const whole = digestOf(cursorOf([1, 2, 3, 4]));
    expect(digestOf(cursorOf([1], [2, 3], [4]))).toBe(whole);
    expect(whole).toMatch(/^[0-9a-f]{16}$/);
    const others = [
      [1, 2, 3],
      [1, 2, 3, 5],
      [2, 1, 3, 4],
      [1, 2, 3, 4, 0],
    ];
    expect(new Set([whole, ...others.map((one) => digestOf(cursorOf(one)))]).size).toBe(5);
  });
});
