/**
 * One connection in the fast lane: bytes in, requests to the service, answers out in order.
 *
 * It reads no further while too much is under way, or while the client does not read its answers;
 * so what it holds is bounded by one request and the answers to a few. It leaves for `node:http`
 * with the first request that the parser hands over, but only after all earlier answers have been
 * written: until then it reads nothing more.
 */

import type { Socket } from 'node:net';
import type { ByteString } from '../core/command';
import type { KeyValueService, ReadReply, WriteReply } from '../service';
import type { Refusal } from './error_status';
import { COMMAND_REFUSALS, INTERNAL_ERROR, NOT_FOUND } from './key_handler';
import type { LaneReplies } from './lane_replies';
import { type LaneRequest, MAX_HEAD_BYTES, parseRequest } from './lane_request';
import { type LaneSlot, SlotQueue } from './lane_slot';
import type { HttpSettings } from './options';
import { UnreadBytes } from './unread_bytes';

/** Requests under way on one connection. A client that sends more waits for answers. */
const MAX_UNDER_WAY = 256;
/** A head in more pieces goes to `node:http`: here each piece costs a look at the whole. */
const MAX_HEAD_PIECES = 4;
/** Answers are joined up to about this length, in bytes, before they are written. */
const WRITE_BYTES = 64 * 1024;

/** What all connections of a lane share. */
export interface Lane {
  readonly service: KeyValueService;
  readonly settings: HttpSettings;
  readonly replies: LaneReplies;
  readonly draining: boolean;
  /** Counts the sweeps; a cheap clock. */
  readonly sweeps: number;
  /** Calls `flush` at the end of this turn. */
  flushSoon(connection: LaneConnection): void;
  /** The connection has left: `unread` is for `node:http`, and `ended` says that no more comes. */
  left(connection: LaneConnection, unread: Buffer, ended: boolean): void;
  closed(connection: LaneConnection): void;
}

export class LaneConnection {
  private readonly slots = new SlotQueue(this);
  private readonly unread = new UnreadBytes();
  /** How many bytes make the request whole that `unread` begins; 0 if not known. */
  private needed = 0;
  /** How often bytes were added to the beginning of this one request. */
  private pieces = 0;
  private state: 'reading' | 'paused' | 'leaving' | 'gone' = 'reading';
  /** The client has sent its end. */
  private ended = false;
  private used = false;
  private flushing = false;
  /** The sweep at which something last happened. */
  private lastActive: number;

  constructor(
    private readonly lane: Lane,
    readonly socket: Socket,
  ) {
    this.lastActive = lane.sweeps;
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
    socket.on('drain', this.onDrain);
    socket.on('error', this.onError);
    socket.on('close', this.onClose);
  }

  /** Writes the answers whose turn has come, as long as the client takes them. */
  flush(): void {
    this.flushing = false;
    const { socket, slots } = this;
    while (this.state !== 'gone' && !socket.writableNeedDrain) {
      let text = '';
      for (let slot = slots.first; slot !== undefined && slot.answer !== ''; slot = slots.first) {
        text += slots.takeAnswer(slot);
        if (text.length > WRITE_BYTES) break;
      }
      if (text === '') break;
      socket.write(text, 'latin1');
    }
    this.lastActive = this.lane.sweeps;
    this.goOn();
  }

  /** To be called when the lane begins to drain. What is under way is answered first. */
  drain(): void {
    const { slots, unread } = this;
    if (this.state === 'reading' && unread.length > 0) this.leave(unread.take());
    // Answered already, when nobody knew that it would be the last.
    const { last } = slots;
    if (last !== undefined && unread.length === 0) {
      last.answer = this.lane.replies.asLast(last.answer);
    }
  }

  /** Closes the connection of a lane that drains if nothing is under way on it. */
  endIfIdle(): void {
    if (this.state === 'reading') this.goOn();
  }

  /**
   * Closes the connection if it has been idle for `idle` sweeps. One that has begun a request and
   * not ended it for two sweeps, or has sent nothing for `silent`, goes to `node:http`, which knows
   * how long to wait and what to say then.
   */
  sweep(idle: number, silent: number): void {
    const { state, slots, socket, unread } = this;
    if (state !== 'reading' || slots.length > 0 || socket.writableLength > 0) return;
    const quiet = this.lane.sweeps - this.lastActive;
    if (unread.length === 0 && this.used) {
      if (quiet > idle) socket.destroy();
    } else if (quiet > (unread.length > 0 ? 1 : silent)) this.leave(unread.take());
  }

  read(slot: LaneSlot, reply: ReadReply): void {
    const { replies } = this.lane;
    const close = this.isLast(slot);
    if (!reply.ok) this.answer(slot, replies.error(reply.error, close));
    else if (reply.answer !== undefined) {
      this.answer(slot, replies.value(reply.answer, reply.served, close));
    } else this.answer(slot, replies.refusal(NOT_FOUND, reply.served, close));
  }

  written(slot: LaneSlot, reply: WriteReply): void {
    const { replies } = this.lane;
    const close = this.isLast(slot);
    if (!reply.ok) this.answer(slot, replies.error(reply.error, close));
    else if (reply.result === 'ok') this.answer(slot, replies.done(reply.served, close));
    else {
      const refusal: Refusal = COMMAND_REFUSALS[reply.result];
      this.answer(slot, replies.refusal(refusal, reply.served, close));
    }
  }

  private readonly onData = (chunk: Buffer): void => {
    const { unread } = this;
    if (unread.length === 0) {
      this.beganRequest();
      return this.take(chunk);
    }
    unread.add(chunk, this.needed);
    if (unread.length < this.needed) return;
    if (this.needed === 0 && ++this.pieces > MAX_HEAD_PIECES) this.leave(unread.take());
    else this.take(unread.take());
  };

  private readonly onEnd = (): void => {
    this.ended = true;
    this.goOn();
  };

  private readonly onDrain = (): void => this.flush();
  /** A broken connection closes next, and there is nobody to tell. */
  private readonly onError = (): void => undefined;

  private readonly onClose = (): void => {
    if (this.state === 'gone') return;
    this.state = 'gone';
    this.unread.take();
    this.lane.closed(this);
  };

  /** Makes requests of the bytes, as far as they go. */
  private take(bytes: Buffer): void {
    const { settings } = this.lane;
    let from = 0;
    while (from < bytes.length) {
      if (this.isFull()) return this.pause(bytes.subarray(from));
      const parsed = this.lane.draining ? LEAVE : parseRequest(bytes, from, settings);
      if (parsed.kind === 'hand_over') return this.leave(bytes.subarray(from));
      if (parsed.kind === 'incomplete') {
        if (from > 0) this.beganRequest();
        this.needed = parsed.needed;
        return this.unread.set(bytes.subarray(from));
      }
      this.begin(parsed, parsed.end - from);
      // What the service does with a request may end this connection.
      if (this.state !== 'reading') return;
      from = parsed.end;
    }
  }

  private beganRequest(): void {
    this.pieces = 0;
    this.lastActive = this.lane.sweeps;
  }

  private begin(request: LaneRequest, bytes: number): void {
    const slot = this.slots.add(bytes);
    const { service, settings, replies } = this.lane;
    this.used = true;
    try {
      if (request.kind === 'read') service.read(request.key, request.options, slot.onRead);
      else service.write(request.command, request.options, slot.onWrite);
    } catch (error) {
      if (slot.answer === '') {
        this.answer(slot, replies.refusal(INTERNAL_ERROR, undefined, this.isLast(slot)));
      }
      slot.failed = true;
      settings.onError(error);
    }
  }

  private answer(slot: LaneSlot, text: ByteString): void {
    if (slot.failed) return;
    slot.answer = text;
    if (slot !== this.slots.first || this.flushing || this.state === 'gone') return;
    this.flushing = true;
    this.lane.flushSoon(this);
  }

  /** Whether the answer to this request is the last one, and says so. */
  private isLast(slot: LaneSlot): boolean {
    return this.lane.draining && slot === this.slots.last && this.unread.length === 0;
  }

  private isFull(): boolean {
    const { slots, socket, lane } = this;
    return (
      slots.length >= MAX_UNDER_WAY ||
      slots.bytes > MAX_HEAD_BYTES + lane.settings.maxBodyBytes ||
      socket.writableNeedDrain
    );
  }

  private pause(unread: Buffer): void {
    this.state = 'paused';
    this.unread.set(unread);
    this.socket.pause();
  }

  /** Hands the connection over as soon as nothing is under way any more. */
  private leave(unread: Buffer): void {
    this.state = 'leaving';
    this.unread.set(unread);
    this.socket.pause();
    this.goOn();
  }

  /** Does what had to wait for answers to be written, if it need not wait any longer. */
  private goOn(): void {
    const { state, slots, unread, socket } = this;
    if (state === 'paused') {
      // Whole requests are waiting; an answer, or the client that reads, calls this again.
      if (this.isFull()) return;
      this.state = 'reading';
      this.take(unread.take());
      // Not before the bytes that came first have been read.
      if (this.state === 'reading') socket.resume();
      return this.goOn();
    }
    if (slots.length > 0 || state === 'gone') return;
    if (state === 'leaving' || (this.ended && unread.length > 0)) this.goToHttp();
    else if (this.ended || this.lane.draining) socket.destroySoon();
  }

  private goToHttp(): void {
    const { socket } = this;
    this.state = 'gone';
    // Somebody must listen to an error all the time, so that listener stays.
    socket.off('data', this.onData).off('end', this.onEnd).off('drain', this.onDrain);
    this.lane.left(this, this.unread.take(), this.ended);
  }
}

const LEAVE = Object.freeze({ kind: 'hand_over' });
