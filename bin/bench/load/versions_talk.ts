/**
 * Requests of the leaderless system, at a quorum of two. A put replaces the version of its key that
 * this load wrote last, so it carries the metadata that came back then: written blindly, keys would
 * gather versions until they take no more.
 */

import type { Operation } from '../workload';
import { HttpTalk, jsonValue, post } from './http_talk';
import { keyText, writeKeyDigits } from './talk_bytes';

const QUORUM = 2;
const MARK = Buffer.from('"metadata":"');
const QUOTE = 0x22;

export class VersionsTalk extends HttpTalk {
  private readonly value: string;
  private readonly get: { readonly bytes: Buffer; readonly keyAt: number };
  /** The key of the put that is under way. */
  private writing: number | undefined;

  /** `last` is the newest metadata of each key, shared by all clients of a load. */
  constructor(
    valueBytes: number,
    private readonly last: Map<number, string>,
  ) {
    super();
    this.value = jsonValue(valueBytes);
    const start = 'GET /keys/';
    const target = `${start}${keyText('get', 0)}?quorum=${QUORUM}`;
    const text = `${target} HTTP/1.1\r\nHost: bench\r\n\r\n`;
    this.get = { bytes: Buffer.from(text), keyAt: start.length };
  }

  override request(operation: Operation, key: number): Buffer {
    this.writing = operation === 'put' ? key : undefined;
    this.leastBody = operation === 'put' ? 0 : this.value.length;
    if (operation !== 'put') {
      writeKeyDigits(this.get.bytes, this.get.keyAt, key);
      return this.get.bytes;
    }
    const seen = this.last.get(key);
    const metadata = seen === undefined ? '' : `,"metadata":"${seen}"`;
    const body = `{"type":"PUT","value":${this.value},"quorum":${QUORUM}${metadata}}`;
    return Buffer.from(post(`/keys/${keyText('put', key)}`, body), 'latin1');
  }

  override take(bytes: Buffer, size: number): boolean {
    const isWhole = super.take(bytes, size);
    if (!isWhole || this.writing === undefined || this.complaint !== undefined) return isWhole;
    // An answer is short, so what is searched is its last piece; in pieces it comes hardly ever.
    const mark = bytes.subarray(0, size).indexOf(MARK);
    const start = mark + MARK.length;
    const end = mark < 0 ? -1 : bytes.indexOf(QUOTE, start);
    if (end >= 0 && end < size) this.last.set(this.writing, bytes.toString('latin1', start, end));
    else this.complaint = 'the answer to a put has no metadata';
    return isWhole;
  }
}
