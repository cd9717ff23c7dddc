/**
 * What an entry of the replicated log carries: a command and how to keep it from taking effect
 * twice, or word about sessions. The drawing is in DESIGN.md.
 *
 * Bytes of a peer pass `checkEnvelope` before they may enter the log: what is in the log was
 * understood by the node that put it there, so a committed envelope that cannot be read means that
 * this node is too old, and it must stop.
 */

import { invariant } from '../assert';
import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { checkCommand } from './command_codec';

/**
 * How long and how many. In the log rather than in each node's configuration, because replicas
 * that forget at different times would answer differently.
 */
export interface SessionSettings {
  /** A key is remembered for at least this long after its command was applied. */
  readonly keyTtlMs: number;
  /** A session lives for this long after its last use. */
  readonly sessionTtlMs: number;
  readonly maxKeys: number;
  readonly maxSessions: number;
}

export const DEFAULT_SESSION_SETTINGS: SessionSettings = {
  keyTtlMs: 15 * 60 * 1000,
  sessionTtlMs: 15 * 60 * 1000,
  maxKeys: 1_000_000,
  maxSessions: 10_000,
};

/** Which request of a session a command is. */
export interface SessionRequest {
  /** The log index of the entry that opened the session. */
  readonly session: number;
  readonly seq: number;
  /** The lowest seq of which the client still waits for a result; at most `seq`. */
  readonly lowestPending: number;
}

export type Envelope =
  /** A command that is applied as often as it is in the log. */
  | { readonly kind: 'plain'; readonly command: Uint8Array }
  /** A command that is applied once for its key, while the key is remembered. */
  | { readonly kind: 'keyed'; readonly key: ByteString; readonly command: Uint8Array }
  | { readonly kind: 'open_session' }
  /** A command that is applied once for its session and seq. */
  | ({ readonly kind: 'session'; readonly command: Uint8Array } & SessionRequest)
  /** Proposed by each new leader, so that all replicas use the settings of the same node. */
  | { readonly kind: 'settings'; readonly settings: SessionSettings };

export const MAX_IDEMPOTENCY_KEY_BYTES = 255;

const VERSION = 1;
const KIND = { plain: 1, keyed: 2, open_session: 3, session: 4, settings: 5 } as const;
const PLAIN_HEADER_BYTES = 2;

/** A plain envelope is these bytes and the command: whoever writes both need not join them first. */
export const PLAIN_HEADER: Uint8Array = Uint8Array.of(VERSION, KIND.plain);

export function encodePlain(command: Uint8Array): Uint8Array {
  return header(KIND.plain, command.length).raw(command).finish();
}

/** The key has 1 to {@link MAX_IDEMPOTENCY_KEY_BYTES} bytes. */
export function encodeKeyed(key: ByteString, command: Uint8Array): Uint8Array {
  const fits = key.length >= 1 && key.length <= MAX_IDEMPOTENCY_KEY_BYTES;
  invariant(fits, 'an idempotency key must have 1 to 255 bytes', { is: key.length });
  const writer = header(KIND.keyed, 1 + key.length + command.length);
  return writer.u8(key.length).latin1(key).raw(command).finish();
}

export function encodeOpenSession(): Uint8Array {
  return header(KIND.open_session, 0).finish();
}

export function encodeSession(request: SessionRequest, command: Uint8Array): Uint8Array {
  const { session, seq, lowestPending } = request;
  invariant(lowestPending <= seq, 'a request must be pending itself', { seq, lowestPending });
  const writer = header(KIND.session, 18 + command.length);
  return writer.u48(session).u48(seq).u48(lowestPending).raw(command).finish();
}

export function encodeSettings(settings: SessionSettings): Uint8Array {
  const writer = header(KIND.settings, 24);
  writeSettings(writer, settings);
  return writer.finish();
}

const header = (kind: number, more: number): ByteWriter =>
  new ByteWriter(2 + more).u8(VERSION).u8(kind);

export function writeSettings(writer: ByteWriter, settings: SessionSettings): void {
  const { keyTtlMs, sessionTtlMs, maxKeys, maxSessions } = settings;
  for (const value of [keyTtlMs, sessionTtlMs, maxKeys, maxSessions]) {
    invariant(Number.isSafeInteger(value), 'session settings must be whole numbers', { value });
  }
  writer.u48(keyTtlMs).u48(sessionTtlMs).u48(maxKeys).u48(maxSessions);
}

/** The command of a plain envelope, sharing memory with it; undefined for every other kind. */
export function plainCommand(bytes: Uint8Array): Uint8Array | undefined {
  const isPlain = bytes[0] === VERSION && bytes[1] === KIND.plain;
  return isPlain ? bytes.subarray(PLAIN_HEADER_BYTES) : undefined;
}

/** The command shares memory with `bytes`. Throws `DecodeError`; does not look into the command. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const plain = plainCommand(bytes);
  if (plain !== undefined) return { kind: 'plain', command: plain };
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION) throw new DecodeError(`an envelope of the unknown version ${version}`);
  const envelope = readBody(reader, reader.u8());
  reader.end();
  return envelope;
}

function readBody(reader: ByteReader, kind: number): Envelope {
  switch (kind) {
    case KIND.keyed: {
      const length = reader.u8();
      if (length === 0) throw new DecodeError('an idempotency key must not be empty');
      return { kind: 'keyed', key: reader.latin1(length), command: reader.raw(reader.left) };
    }
    case KIND.open_session:
      return { kind: 'open_session' };
    case KIND.session: {
      const [session, seq, lowestPending] = [reader.u48(), reader.u48(), reader.u48()];
      if (lowestPending > seq) throw new DecodeError('a request must be pending itself');
      const command = reader.raw(reader.left);
      return { kind: 'session', session, seq, lowestPending, command };
    }
    case KIND.settings:
      return { kind: 'settings', settings: readSettings(reader) };
    default:
      throw new DecodeError(`an envelope of the unknown kind ${kind}`);
  }
}

export function readSettings(reader: ByteReader): SessionSettings {
  const [keyTtlMs, sessionTtlMs] = [reader.u48(), reader.u48()];
  const [maxKeys, maxSessions] = [reader.u48(), reader.u48()];
  return { keyTtlMs, sessionTtlMs, maxKeys, maxSessions };
}

/**
 * Throws `DecodeError` for bytes that must not enter the log. `check` does the same for the
 * commands of the state machine in use.
 */
export function checkEnvelope(
  bytes: Uint8Array,
  check: (command: Uint8Array) => void = checkCommand,
): void {
  const envelope = decodeEnvelope(bytes);
  if ('command' in envelope) check(envelope.command);
}
