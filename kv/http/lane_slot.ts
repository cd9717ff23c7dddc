/**
 * The place of one request among those that are under way on a connection of the fast lane.
 *
 * Answers come in any order and go out in the order of the requests, so each waits in its slot for
 * its turn. Slots are used again, with the functions that they hand to the service: a request
 * makes neither a promise nor a closure.
 */

import type { ByteString } from '../core/command';
import type { ReadReply, WriteReply } from '../service';

export class LaneSlot {
  /** The reply as it goes over the wire; empty until there is one. */
  answer: ByteString = '';
  /** The slot of the request behind, or the next free one. */
  next: LaneSlot | undefined;
  /** The bytes of its request. */
  bytes = 0;
  /** A service that threw may still call back: what would be told must be told to nobody. */
  failed = false;

  readonly onRead: (reply: ReadReply) => void;
  readonly onWrite: (reply: WriteReply) => void;

  constructor(owner: SlotOwner) {
    this.onRead = (reply) => owner.read(this, reply);
    this.onWrite = (reply) => owner.written(this, reply);
  }
}

export interface SlotOwner {
  read(slot: LaneSlot, reply: ReadReply): void;
  written(slot: LaneSlot, reply: WriteReply): void;
}

/** The slots of one connection, first in, first out. */
export class SlotQueue {
  first: LaneSlot | undefined;
  last: LaneSlot | undefined;
  length = 0;
  /** The bytes of all requests under way. */
  bytes = 0;
  private free: LaneSlot | undefined;

  constructor(private readonly owner: SlotOwner) {}

  add(bytes: number): LaneSlot {
    const slot = this.free ?? new LaneSlot(this.owner);
    this.free = slot.next;
    slot.next = undefined;
    slot.bytes = bytes;
    if (this.last === undefined) this.first = slot;
    else this.last.next = slot;
    this.last = slot;
    this.length++;
    this.bytes += bytes;
    return slot;
  }

  /** Takes the first one out and gives its answer. */
  takeAnswer(slot: LaneSlot): ByteString {
    const { answer } = slot;
    this.first = slot.next;
    if (this.first === undefined) this.last = undefined;
    this.length--;
    this.bytes -= slot.bytes;
    slot.answer = '';
    if (!slot.failed) {
      slot.next = this.free;
      this.free = slot;
    }
    return answer;
  }
}
