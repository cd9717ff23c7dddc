/**
 * The replies of the fast lane as they go over the wire, one character for each byte.
 *
 * They are those of `node:http` to the byte: a test compares them. What does not change from one
 * reply to the next is put together once: the lines that tell where an answer came from until the
 * term or the leader changes, the date until the next second.
 */

import type { ByteString } from '../core/command';
import type { OperatingError } from '../core/errors';
import type { Served } from '../service';
import type { Refusal } from './error_status';
import {
  bodyHeaders,
  emptyHeaders,
  errorReply,
  JSON_TYPE,
  type JsonReply,
  lines,
  refusalReply,
  servedHeaders,
  statusLine,
} from './reply_parts';

export class LaneReplies {
  private served: Served | undefined;
  /** What follows the index in a reply without a body, and in one with a value. */
  private afterIndex = { done: '', value: '' };
  private dateUntil = 0;
  /** The ends of a head: the date, and what becomes of the connection. */
  private keepEnd = '';
  private closeEnd = '';

  private readonly keepLines: string;

  constructor(
    keepAliveTimeoutMs: number,
    private readonly now: () => number = Date.now,
  ) {
    const seconds = Math.floor(keepAliveTimeoutMs / 1000);
    this.keepLines = `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`;
  }

  /** 200 with the JSON text of a value. */
  value(value: ByteString, served: Served, close: boolean): ByteString {
    this.lookAt(served);
    const { value: after } = this.afterIndex;
    return `${VALUE_START}${served.index}${after}${value.length}\r\n${this.end(close)}${value}`;
  }

  /** 204: done, nothing to say. */
  done(served: Served, close: boolean): ByteString {
    this.lookAt(served);
    return `${DONE_START}${served.index}${this.afterIndex.done}${this.end(close)}`;
  }

  error(error: OperatingError, close: boolean): ByteString {
    return this.json(errorReply(error), close);
  }

  refusal(refusal: Refusal, served: Served | undefined, close: boolean): ByteString {
    return this.json(refusalReply(refusal, served), close);
  }

  /** A reply that was to keep its connection, as the last one. */
  asLast(reply: ByteString): ByteString {
    // No header holds an end of line, so the first place where this stands is the end of the head.
    return reply.replace(this.keepLines, CLOSE_LINES);
  }

  private json({ status, headers, body }: JsonReply, close: boolean): ByteString {
    const bytes = Buffer.from(body, 'utf8').toString('latin1');
    const head = lines(bodyHeaders(JSON_TYPE, bytes.length, headers));
    return `${statusLine(status)}${head}${this.end(close)}${bytes}`;
  }

  private lookAt(served: Served): void {
    const last = this.served;
    if (
      last !== undefined &&
      last.term === served.term &&
      last.leader === served.leader &&
      last.ageMs === served.ageMs &&
      last.node === served.node
    ) {
      return;
    }
    this.served = served;
    // All headers, cut behind the name or before the value of the one number that changes.
    const rest = servedHeaders(served).slice(2);
    const done = lines(emptyHeaders([...rest]));
    const value = lines(bodyHeaders(JSON_TYPE, 0, [...rest]));
    this.afterIndex = { done: `\r\n${done}`, value: `\r\n${value.slice(0, -ZERO_LENGTH)}` };
  }

  private end(close: boolean): string {
    const now = this.now();
    // A clock may also be set back.
    if (now >= this.dateUntil || now < this.dateUntil - 1000) {
      this.dateUntil = now - (now % 1000) + 1000;
      const date = `Date: ${new Date(now).toUTCString()}`;
      this.keepEnd = date + this.keepLines;
      this.closeEnd = date + CLOSE_LINES;
    }
    return close ? this.closeEnd : this.keepEnd;
  }
}

const CLOSE_LINES = '\r\nConnection: close\r\n\r\n';
const INDEX = 'X-Quorum-Index: ';
const VALUE_START = `${statusLine(200)}${INDEX}`;
const DONE_START = `${statusLine(204)}${INDEX}`;
/** The length of `0\r\n`, with which the lines of an empty body end. */
const ZERO_LENGTH = 3;
