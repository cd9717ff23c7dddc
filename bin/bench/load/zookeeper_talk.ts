/**
 * ZooKeeper's own protocol ("jute"): frames of a length and big-endian fields. Each client has a
 * session. A linearizable read is a `sync` and a `getData` in the same packet: the server answers a
 * session's requests in order, so the read sees what the sync has waited for.
 */

import type { Operation } from '../workload';
import { JuteFrames } from './jute_frames';
import type { Talk } from './talk';
import { keyText, writeKeyDigits } from './talk_bytes';

const CODE = { create: 1, getData: 4, setData: 5, sync: 9, ping: 11, close: -11 } as const;
const SESSION_TIMEOUT_MS = 30_000;
const PASSWORD_BYTES = 16;
const ANY_VERSION = -1;
const ALL_PERMISSIONS = 31;
const NO_FLAGS = 0;

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const LONG_ZERO = Buffer.alloc(8);
const bytesField = (bytes: Buffer): Buffer => Buffer.concat([int(bytes.length), bytes]);
const textField = (text: string): Buffer => bytesField(Buffer.from(text));
const flag = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);

/** A frame of these fields. */
export function packet(...fields: readonly Buffer[]): Buffer {
  return bytesField(Buffer.concat(fields));
}

/** Opens a session: protocol version, last transaction seen, timeout, session 0, no password yet. */
export const CONNECT = packet(
  ...[int(0), LONG_ZERO, int(SESSION_TIMEOUT_MS), LONG_ZERO],
  ...[bytesField(Buffer.alloc(PASSWORD_BYTES)), flag(false)],
);
export const CLOSE = packet(int(1), int(CODE.close));
/** The protocol keeps this number for pings. */
const PING_XID = -2;
const PING = packet(int(PING_XID), int(CODE.ping));

/** The requests of one operation in one buffer; `xidsAt` and `keysAt` are where they are filled in. */
export interface Requests {
  readonly bytes: Buffer;
  readonly xidsAt: readonly number[];
  readonly keysAt: readonly number[];
}

export type ZooKeeperOperation = Operation | 'create';

export function requestsOf(operation: ZooKeeperOperation, valueBytes: number): Requests {
  const path = textField(`/${keyText('put', 0)}`);
  const data = bytesField(Buffer.alloc(valueBytes, 'x'));
  const read = packet(int(0), int(CODE.getData), path, flag(false));
  switch (operation) {
    case 'create': {
      const openToAll = [int(1), int(ALL_PERMISSIONS), textField('world'), textField('anyone')];
      return joined(packet(int(0), int(CODE.create), path, data, ...openToAll, int(NO_FLAGS)));
    }
    case 'put':
      return joined(packet(int(0), int(CODE.setData), path, data, int(ANY_VERSION)));
    case 'get':
      return joined(packet(int(0), int(CODE.sync), path), read);
    case 'stale':
      return joined(read);
    default:
      throw new Error(`ZooKeeper has no ${operation}`);
  }
}

/** The xid stands behind the length, the path behind the xid, the code, its length and a slash. */
function joined(...packets: readonly Buffer[]): Requests {
  const starts = packets.map((_, i) => Buffer.concat(packets.slice(0, i)).length);
  return {
    bytes: Buffer.concat(packets),
    xidsAt: starts.map((start) => start + 4),
    keysAt: starts.map((start) => start + 17),
  };
}

export class ZooKeeperTalk implements Talk {
  readonly greeting = CONNECT;
  readonly farewell = CLOSE;
  complaint: string | undefined;
  private readonly requests: Partial<Record<ZooKeeperOperation, Requests>> = {};
  private readonly answer = new JuteAnswer();
  private xid = 0;
  private least = 0;

  /** `creates`: a put is the first one of its key. */
  constructor(
    private readonly valueBytes: number,
    private readonly creates: boolean,
  ) {
    this.answer.expect(1, true);
  }

  request(operation: Operation, key: number): Buffer {
    const kind = operation === 'put' && this.creates ? 'create' : operation;
    this.requests[kind] ??= requestsOf(kind, this.valueBytes);
    const { bytes, xidsAt, keysAt } = this.requests[kind];
    for (const at of keysAt) writeKeyDigits(bytes, at, key);
    for (const at of xidsAt) {
      this.xid = (this.xid + 1) & 0x7fff_ffff;
      bytes.writeInt32BE(this.xid, at);
    }
    this.least = operation === 'put' ? 0 : this.valueBytes;
    this.answer.expect(xidsAt.length, false);
    return bytes;
  }

  /**
   * The server's CommitProcessor sometimes goes to sleep over the only request that there is, and
   * wakes when anything else comes. The pings of ordinary clients help after ten seconds.
   */
  ping(): Buffer {
    this.answer.expectMore();
    return PING;
  }

  take(bytes: Buffer, size: number): boolean {
    if (!this.answer.take(bytes, size)) return false;
    const { error, longest } = this.answer;
    this.complaint = complaintOfError(error);
    if (longest < this.least) this.complaint ??= 'there is no such value';
    return true;
  }
}

export const complaintOfError = (error: number): string | undefined =>
  error === 0 ? undefined : `error ${error}`;

/** A known number of answers, of which the last one ends the wait. */
export class JuteAnswer {
  /** The first code of error among the expected answers; 0 is none. */
  error = 0;
  /** The longest of the expected answers, in bytes. */
  longest = 0;
  private pending = 0;
  private readonly frames = new JuteFrames();

  /** A greeting has no header. */
  expect(answers: number, isGreeting: boolean): void {
    this.pending = answers;
    this.frames.hasHeader = !isGreeting;
    this.error = 0;
    this.longest = 0;
  }

  /** One answer more than was expected. */
  expectMore(): void {
    this.pending += 1;
  }

  take(input: Buffer, size: number): boolean {
    this.frames.take(input, size, this.onFrame);
    return this.pending === 0;
  }

  private readonly onFrame = (error: number, length: number): void => {
    if (this.pending === 0) throw new Error('an answer that nobody asked for');
    this.pending -= 1;
    this.error ||= error;
    this.longest = Math.max(this.longest, length);
  };
}
