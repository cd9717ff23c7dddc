/**
 * The bytes of gRPC calls to etcd, written by hand, as far as they are needed here: protobuf
 * messages, the frames of HTTP/2 (RFC 9113) and its compressed headers (RFC 7541).
 *
 * Not by `node:http2`, because its streams cost more for each call than etcd's answer does, and a
 * generator that eats the machine would flatter whoever is compared with etcd.
 */

import type { Operation } from '../workload';
import { keyText } from './talk_bytes';

export const FRAME_HEAD_BYTES = 9;
export const FRAME = {
  ...({ data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7 } as const),
  windowUpdate: 8,
} as const;
export const FLAG = { endStream: 1, acknowledge: 1, endHeaders: 4 } as const;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  writeFrameHead(bytes, 0, payload.length, type, flags, stream);
  payload.copy(bytes, FRAME_HEAD_BYTES);
  return bytes;
}

export function writeFrameHead(
  bytes: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = stream >>> 24;
  bytes[at + 6] = stream >>> 16;
  bytes[at + 7] = stream >>> 8;
  bytes[at + 8] = stream;
}

/** A window that no answer of this load can fill, so that only the connection's needs refilling. */
export const STREAM_WINDOW = 2 ** 24;
export const CONNECTION_WINDOW = 2 ** 30;
/** What holds until the other side says otherwise. */
export const FIRST_WINDOW = 65_535;
export const SETTING = { enablePush: 2, streamWindow: 4 } as const;

/** What a client sends first: the preface, its settings, and a wide window of the connection. */
export function opening(): Buffer {
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(
      FRAME.settings,
      0,
      0,
      settings([SETTING.enablePush, 0], [SETTING.streamWindow, STREAM_WINDOW]),
    ),
    windowUpdate(CONNECTION_WINDOW - FIRST_WINDOW),
  ]);
}

function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.alloc(6 * pairs.length);
  for (const [i, [id, value]] of pairs.entries()) {
    bytes.writeUInt16BE(id, 6 * i);
    bytes.writeUInt32BE(value, 6 * i + 2);
  }
  return bytes;
}

export function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FRAME.windowUpdate, 0, 0, payload);
}

const POST = 0x83;
const SCHEME_HTTP = 0x86;
const NEW_INDEXED = 0x40;
const INDEXED = 0x80;
const FIRST_DYNAMIC = 62;
/** Positions of names in the static table; 0 is a name that is not in it. */
const STATIC = { ':authority': 1, ':path': 4, 'content-type': 31, te: 0 } as const;
type Name = keyof typeof STATIC;

/**
 * The headers of calls on one connection. A field is spelled out once and is a number from then on,
 * as every client of gRPC does it; the newest field has the lowest number.
 */
export class CallHeaders {
  private readonly known: string[] = [];

  constructor(private readonly authority: string) {}

  /** The header block of a call. */
  blockOf(path: string): Buffer {
    return Buffer.concat([
      Buffer.from([POST, SCHEME_HTTP]),
      this.field(':path', path),
      this.field(':authority', this.authority),
      this.field('content-type', 'application/grpc'),
      this.field('te', 'trailers'),
    ]);
  }

  private field(name: Name, value: string): Buffer {
    const text = `${name}: ${value}`;
    const position = this.known.indexOf(text);
    if (position >= 0) {
      return Buffer.from([INDEXED | (FIRST_DYNAMIC + this.known.length - 1 - position)]);
    }
    this.known.push(text);
    const index = STATIC[name];
    const spelledName = index === 0 ? [stringOf(name)] : [];
    return Buffer.concat([Buffer.from([NEW_INDEXED | index]), ...spelledName, stringOf(value)]);
  }
}

/** Without Huffman's code; short enough for one byte of length. */
const stringOf = (text: string): Buffer =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);

export const PATHS = { put: '/etcdserverpb.KV/Put', range: '/etcdserverpb.KV/Range' } as const;

/** The path of a call and its message with the five bytes that gRPC puts in front. */
export interface Call {
  readonly path: string;
  readonly message: Buffer;
  /** Where the key stands in the message. */
  readonly keyAt: number;
}

const GRPC_PREFIX_BYTES = 5;
const PUT = { key: 1, value: 2 } as const;
const RANGE = { key: 1, serializable: 7 } as const;

export function callOf(operation: Operation, valueBytes: number): Call {
  const key = keyText('put', 0);
  const fields =
    operation === 'put'
      ? [
          bytesField(PUT.key, Buffer.from(key)),
          bytesField(PUT.value, Buffer.alloc(valueBytes, 'x')),
        ]
      : [bytesField(RANGE.key, Buffer.from(key)), trueField(operation === 'stale')];
  const body = Buffer.concat(fields);
  const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 1);
  const message = Buffer.concat([prefix, body]);
  const path = operation === 'put' ? PATHS.put : PATHS.range;
  return { path, message, keyAt: message.indexOf(key) };
}

/** A field of bytes: number and kind in one byte, then the length, then the bytes. */
function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
}

/** `serializable`, where it is true: false is what protobuf says by saying nothing. */
const trueField = (value: boolean): Buffer =>
  value ? Buffer.from([RANGE.serializable << 3, 1]) : Buffer.alloc(0);

/** Seven bits in a byte, the lowest first; all but the last byte have their highest bit set. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
