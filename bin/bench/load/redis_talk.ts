/**
 * RESP as a client of Redis speaks it. A write is followed by WAIT in the same packet, so that its
 * two answers come back in one round trip: the second says how many replicas have the write.
 */

import type { Operation } from '../workload';
import type { Talk } from './talk';
import { keyText, writeKeyDigits } from './talk_bytes';

/** How long a write may wait for its replicas before it counts as failed, in milliseconds. */
const WAIT_MS = '1000';

interface Template {
  readonly bytes: Buffer;
  readonly keyAt: number;
}

export class RedisTalk implements Talk {
  readonly greeting = undefined;
  readonly farewell = undefined;
  complaint: string | undefined;
  private readonly templates: Partial<Record<Operation, Template>> = {};
  private readonly answer = new RespAnswer();
  private isWrite = false;

  constructor(
    private readonly valueBytes: number,
    private readonly replicas: number,
  ) {}

  request(operation: Operation, key: number): Buffer {
    this.templates[operation] ??= templateOf(operation, this.valueBytes, this.replicas);
    const { bytes, keyAt } = this.templates[operation];
    this.isWrite = operation === 'put' || operation === 'append';
    this.answer.expect(this.isWrite ? 2 : 1);
    writeKeyDigits(bytes, keyAt, key);
    return bytes;
  }

  take(bytes: Buffer, size: number): boolean {
    if (!this.answer.take(bytes, size)) return false;
    const { error, number, length } = this.answer;
    this.complaint = error;
    if (this.isWrite && number < this.replicas)
      this.complaint ??= `only ${number} replicas have it`;
    if (!this.isWrite && length < this.valueBytes) this.complaint ??= 'there is no such value';
    return true;
  }
}

function templateOf(operation: Operation, valueBytes: number, replicas: number): Template {
  const key = keyText(operation, 0);
  const value = 'x'.repeat(valueBytes);
  const wait = command('WAIT', String(replicas), WAIT_MS);
  const text =
    operation === 'put'
      ? command('SET', key, value) + wait
      : operation === 'append'
        ? command('RPUSH', key, value) + wait
        : command('GET', key);
  return { bytes: Buffer.from(text), keyAt: text.indexOf(key) };
}

/** An array of strings. */
function command(...words: readonly string[]): string {
  const strings = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${strings.join('')}`;
}

const MINUS = 45;
const COLON = 58;
const DOLLAR = 36;
const LINE_FEED = 10;
const ZERO = 48;

/** A known number of answers, each a line, or a line and a string of the length that it says. */
export class RespAnswer {
  /** Of the last answers: what an error said, the last number, the length of the last string. */
  error: string | undefined;
  number = 0;
  length = -1;
  private pending = 0;
  /** Bytes of a string that are still to come, with the end of its line. */
  private missing = 0;
  private carry: Buffer | undefined;

  expect(answers: number): void {
    this.pending = answers;
    this.error = undefined;
    this.number = 0;
    this.length = -1;
  }

  /** Takes the first `size` bytes of a buffer; says whether all expected answers are whole. */
  take(input: Buffer, size: number): boolean {
    if (this.missing > size) {
      this.missing -= size;
      return false;
    }
    const { carry } = this;
    const bytes = carry === undefined ? input : Buffer.concat([carry, input.subarray(0, size)]);
    const end = carry === undefined ? size : bytes.length;
    this.carry = undefined;
    this.takeFrom(bytes, end);
    return this.pending === 0;
  }

  private takeFrom(bytes: Buffer, end: number): void {
    let at = this.missing;
    if (at > 0) {
      this.missing = 0;
      this.pending -= 1;
    }
    while (at < end) {
      const line = bytes.indexOf(LINE_FEED, at) + 1;
      if (line === 0 || line > end) {
        this.carry = Buffer.from(bytes.subarray(at, end));
        return;
      }
      if (this.pending === 0) throw new Error('an answer that nobody asked for');
      at = line + this.readLine(bytes, at, line);
      if (at > end) this.missing = at - end;
      else this.pending -= 1;
    }
  }

  /** Reads one line, which begins with its kind; returns how many bytes of a string follow it. */
  private readLine(bytes: Buffer, at: number, next: number): number {
    const kind = bytes[at];
    if (kind === MINUS) this.error ??= bytes.toString('latin1', at, next - 2);
    if (kind === COLON) this.number = numberAt(bytes, at + 1, next);
    if (kind !== DOLLAR || bytes[at + 1] === MINUS) return 0;
    this.length = numberAt(bytes, at + 1, next);
    return this.length + 2;
  }
}

/** The digits before the end of a line. */
function numberAt(bytes: Buffer, at: number, next: number): number {
  let value = 0;
  for (let i = at; i < next - 2; i++) value = value * 10 + (bytes[i] ?? 0) - ZERO;
  return value;
}
