/** HTTP/1.1 as a client of quorum-kv, of the bare server and of etcd's JSON gateway speaks it. */

import type { Operation } from '../workload';
import type { Talk } from './talk';
import { keyText, writeBase64, writeKeyDigits } from './talk_bytes';

const HEADERS_END = '\r\n\r\n';
const LEVELS = { get: '', lease: '?level=lease', stale: '?level=stale' } as const;

interface Template {
  readonly bytes: Buffer;
  readonly keyAt: number;
}

export abstract class HttpTalk implements Talk {
  readonly greeting = undefined;
  readonly farewell = undefined;
  complaint: string | undefined;
  /** A shorter body than this is no answer to what was asked. */
  protected leastBody = 0;
  private readonly answer = new HttpAnswer();

  abstract request(operation: Operation, key: number): Buffer;

  take(bytes: Buffer, size: number): boolean {
    if (!this.answer.take(bytes, size)) return false;
    this.complaint = complaintOf(this.answer, this.leastBody);
    return true;
  }
}

/** What is wrong with an answer that is whole. */
export function complaintOf(answer: HttpAnswer, leastBody: number): string | undefined {
  if (!answer.isFine) return answer.text;
  return answer.bodyBytes < leastBody ? `a body of ${answer.bodyBytes} bytes` : undefined;
}

/** Requests of our own API. */
export class KeysTalk extends HttpTalk {
  private readonly templates: Partial<Record<Operation, Template>> = {};

  constructor(private readonly valueBytes: number) {
    super();
  }

  override request(operation: Operation, key: number): Buffer {
    this.templates[operation] ??= keysTemplate(operation, this.valueBytes);
    const { bytes, keyAt } = this.templates[operation];
    writeKeyDigits(bytes, keyAt, key);
    return bytes;
  }
}

function keysTemplate(operation: Operation, valueBytes: number): Template {
  const key = keyText(operation, 0);
  const isRead = operation !== 'put' && operation !== 'append';
  const start = `${isRead ? 'GET' : 'POST'} /keys/`;
  const text = isRead
    ? `${start}${key}${LEVELS[operation]} HTTP/1.1\r\nHost: bench${HEADERS_END}`
    : post(`/keys/${key}`, writeBody(operation, valueBytes));
  return { bytes: Buffer.from(text), keyAt: start.length };
}

function writeBody(operation: 'put' | 'append', valueBytes: number): string {
  return `{"type":"${operation.toUpperCase()}","value":${jsonValue(valueBytes)}}`;
}

/** A JSON text of exactly so many bytes. */
export const jsonValue = (valueBytes: number): string =>
  JSON.stringify('x'.repeat(Math.max(0, valueBytes - 2)));

export function post(path: string, body: string): string {
  const head = `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${Buffer.byteLength(body)}${HEADERS_END}${body}`;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;
const STATUS_AT = 9;
const LONGEST_COMPLAINT = 300;
const CONTENT_LENGTH = 'content-length';
const TRANSFER_ENCODING = 'transfer-encoding';
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const WHOLE = 0;
const HEAD = -1;
const CHUNKS = -2;

/** One answer after the other, whatever pieces it comes in. Looks at what it must, and no more. */
export class HttpAnswer {
  isFine = true;
  text = '';
  /** What was said of the body's length, or what came of a chunked one with its frames. */
  bodyBytes = 0;
  /** Bytes of the body that are still to come, or one of the constants above. */
  private missing = HEAD;
  /** The end of what came before, where a head or a chunked body came in pieces. */
  private carry: Buffer | undefined;

  /** For connections with one request under way: nothing may stand behind its answer. */
  take(bytes: Buffer, size: number): boolean {
    const end = this.takeFirst(bytes, 0, size);
    if (end >= 0 && end < size) throw new Error('an answer that nobody asked for');
    return end >= 0;
  }

  /** Returns where the first answer of these bytes ends, or -1: it is not whole yet. */
  takeFirst(bytes: Buffer, from: number, to: number): number {
    let end: number;
    if (this.missing > 0) {
      end = from + this.missing;
      this.missing = Math.max(WHOLE, end - to);
    } else if (this.carry === undefined) end = this.takeFrom(bytes, from, to);
    else {
      const { carry } = this;
      this.carry = undefined;
      const joined = Buffer.concat([carry, bytes.subarray(from, to)]);
      end = from - carry.length + this.takeFrom(joined, 0, joined.length);
    }
    if (this.missing !== WHOLE) return -1;
    this.missing = HEAD;
    return end;
  }

  /** Returns where the answer ends if it is whole: `missing` tells. */
  private takeFrom(bytes: Buffer, from: number, to: number): number {
    if (this.missing === CHUNKS) return this.takeChunks(bytes, from, to);
    const body = this.readHead(bytes, from, to);
    if (body < 0) {
      this.missing = HEAD;
      this.carry = Buffer.from(bytes.subarray(from, to));
      return to;
    }
    if (this.missing === CHUNKS) return this.takeChunks(bytes, body, to);
    const end = body + this.missing;
    this.missing = Math.max(WHOLE, end - to);
    return end;
  }

  /** The answer to one request is the last thing on the connection, so its end is found there. */
  private takeChunks(bytes: Buffer, from: number, to: number): number {
    const tail = to - LAST_CHUNK.length;
    this.missing = CHUNKS;
    this.bodyBytes += to - from;
    if (tail >= from && bytes.compare(LAST_CHUNK, 0, LAST_CHUNK.length, tail, to) === 0) {
      this.missing = WHOLE;
    } else {
      this.carry = Buffer.from(bytes.subarray(Math.max(from, tail), to));
    }
    return to;
  }

  /** Returns where the head ends and notes how much body follows; -1 if it is not whole yet. */
  private readHead(bytes: Buffer, from: number, size: number): number {
    this.missing = WHOLE;
    this.bodyBytes = 0;
    let line = bytes.indexOf(LINE_FEED, from) + 1;
    if (line === 0 || line >= size) return -1;
    for (;;) {
      if (bytes[line] === CARRIAGE_RETURN) break;
      let at = line;
      let colon = -1;
      while (at < size && bytes[at] !== LINE_FEED) {
        if (colon < 0 && bytes[at] === COLON) colon = at;
        at += 1;
      }
      if (at >= size) return -1;
      this.readHeader(bytes, line, colon, at);
      line = at + 1;
    }
    if (line + 2 > size) return -1;
    this.isFine = bytes[from + STATUS_AT] === 50;
    const textEnd = Math.min(size, from + LONGEST_COMPLAINT);
    if (!this.isFine) this.text = bytes.toString('latin1', from, textEnd);
    return line + 2;
  }

  private readHeader(bytes: Buffer, line: number, colon: number, end: number): void {
    const length = colon - line;
    if (length === CONTENT_LENGTH.length && matches(bytes, line, CONTENT_LENGTH)) {
      let value = 0;
      for (let i = colon + 1; i < end; i++) {
        const digit = (bytes[i] ?? 0) - 48;
        if (digit >= 0 && digit <= 9) value = value * 10 + digit;
      }
      this.missing = value;
      this.bodyBytes = value;
    } else if (length === TRANSFER_ENCODING.length && matches(bytes, line, TRANSFER_ENCODING)) {
      this.missing = CHUNKS;
    }
  }
}

/** Whether a word stands there, in whichever case. */
function matches(bytes: Buffer, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if (((bytes[at + i] ?? 0) | 32) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Requests of etcd's JSON gateway: keys and values are base64 inside JSON. */
export class EtcdJsonTalk extends HttpTalk {
  private readonly templates: Partial<Record<Operation, Template>> = {};
  private readonly key = Buffer.from(keyText('put', 0));

  constructor(private readonly valueBytes: number) {
    super();
  }

  override request(operation: Operation, key: number): Buffer {
    this.templates[operation] ??= etcdTemplate(operation, this.valueBytes);
    const { bytes, keyAt } = this.templates[operation];
    this.leastBody = operation === 'put' ? 0 : this.valueBytes;
    writeKeyDigits(this.key, 0, key);
    writeBase64(bytes, keyAt, this.key);
    return bytes;
  }
}

function etcdTemplate(operation: Operation, valueBytes: number): Template {
  const key = Buffer.from(keyText('put', 0)).toString('base64');
  const value = Buffer.alloc(valueBytes, 'x').toString('base64');
  const serializable = operation === 'stale' ? ',"serializable":true' : '';
  const text =
    operation === 'put'
      ? post('/v3/kv/put', `{"key":"${key}","value":"${value}"}`)
      : post('/v3/kv/range', `{"key":"${key}"${serializable}}`);
  return { bytes: Buffer.from(text), keyAt: text.indexOf(key) };
}
