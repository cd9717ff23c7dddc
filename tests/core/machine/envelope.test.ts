import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import { DecodeError, MAX_U48 } from '../../../kv/core/bytes';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import type { Envelope } from '../../../kv/core/machine/envelope';
import {
  checkEnvelope,
  DEFAULT_SESSION_SETTINGS,
  decodeEnvelope,
  encodeKeyed,
  encodeOpenSession,
  encodePlain,
  encodeSession,
  encodeSettings,
} from '../../../kv/core/machine/envelope';
import { bytesOf, damaged } from './support';

function encode(envelope: Envelope): Uint8Array {
  switch (envelope.kind) {
    case 'plain':
      return encodePlain(envelope.command);
    case 'keyed':
      return encodeKeyed(envelope.key, envelope.command);
    case 'open_session':
      return encodeOpenSession();
    case 'session':
      return encodeSession(envelope, envelope.command);
    case 'settings':
      return encodeSettings(envelope.settings);
  }
}

const u48 = fc.integer({ min: 0, max: MAX_U48 });
const command = fc.uint8Array({ maxLength: 40 });
const key = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const envelope: fc.Arbitrary<Envelope> = fc.oneof(
  fc.record({ kind: fc.constant('plain' as const), command }),
  fc.record({ kind: fc.constant('keyed' as const), key, command }),
  fc.record({ kind: fc.constant('open_session' as const) }),
  fc.tuple(u48, u48, u48, command).map(([session, one, other, bytes]) => ({
    kind: 'session' as const,
    session,
    seq: Math.max(one, other),
    lowestPending: Math.min(one, other),
    command: bytes,
  })),
  fc
    .record({ keyTtlMs: u48, sessionTtlMs: u48, maxKeys: u48, maxSessions: u48 })
    .map((settings) => ({ kind: 'settings' as const, settings })),
);

const del = encodeCommand({ kind: 'delete', key: 'k' });
const put = encodeCommand({ kind: 'put', key: 'k', value: bytesOf('1') });
const EXAMPLES: readonly Envelope[] = [
  { kind: 'plain', command: put },
  { kind: 'keyed', key: 'id', command: del },
  { kind: 'open_session' },
  { kind: 'session', session: 7, seq: 3, lowestPending: 2, command: put },
  { kind: 'settings', settings: DEFAULT_SESSION_SETTINGS },
];

describe('envelopes', () => {
  test('come back as they were', () => {
    fc.assert(fc.property(envelope, (one) => expect(decodeEnvelope(encode(one))).toEqual(one)));
  });

  test('have the bytes that the drawing says', () => {
    expect([...encodePlain(Uint8Array.of(9))]).toEqual([1, 1, 9]);
    expect([...encodeKeyed('ab', Uint8Array.of(9))]).toEqual([1, 2, 2, 0x61, 0x62, 9]);
    expect([...encodeOpenSession()]).toEqual([1, 3]);
    const request = { session: 1, seq: 2 ** 40, lowestPending: 3 };
    expect([...encodeSession(request, Uint8Array.of(9))]).toEqual(
      [1, 4, 1, 0, 0, 0, 0, 0].concat([0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 9]),
    );
  });

  test.each(EXAMPLES)('damaged bytes never enter the log, or are whole: $kind', (one) => {
    for (const bytes of damaged(encode(one))) {
      try {
        checkEnvelope(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        continue;
      }
      expect(encode(decodeEnvelope(bytes))).toEqual(bytes);
    }
  });

  test('any bytes are refused or mean exactly one envelope', () => {
    const head = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 7 }));
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 40 }), ([version, kind], rest) => {
        const bytes = Uint8Array.of(version, kind, ...rest);
        let decoded: Envelope | undefined;
        try {
          decoded = decodeEnvelope(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
        if (decoded !== undefined) expect(encode(decoded)).toEqual(bytes);
      }),
    );
  });

  test('the check looks into the command, with the check of the machine in use', () => {
    for (const one of EXAMPLES) expect(() => checkEnvelope(encode(one))).not.toThrow();
    const junk = Uint8Array.of(9, 9, 9, 9, 9);
    const request = { session: 1, seq: 1, lowestPending: 1 };
    for (const bytes of [encodePlain(junk), encodeKeyed('k', junk), encodeSession(request, junk)]) {
      expect(() => checkEnvelope(bytes)).toThrow(DecodeError);
      expect(() => checkEnvelope(bytes, () => undefined)).not.toThrow();
    }
  });

  test('what cannot be decoded is not encoded', () => {
    expect(() => encodeKeyed('', del)).toThrow(InvariantViolation);
    expect(() => encodeKeyed('k'.repeat(256), del)).toThrow(InvariantViolation);
    const request = { session: 1, seq: 1, lowestPending: 2 };
    expect(() => encodeSession(request, del)).toThrow(InvariantViolation);
    for (const maxKeys of [-1, 0.5, Number.NaN, 2 ** 48]) {
      expect(() => encodeSettings({ ...DEFAULT_SESSION_SETTINGS, maxKeys })).toThrow(
        InvariantViolation,
      );
    }
  });
});
