/**
 * What replicas say to each other. Four kinds of messages are enough:
 *
 *     push      what I have just been told by a client; to everybody, at once
 *     report    this is what I have seen: so who lacks something notices it
 *     pull      give me what I lack
 *     part      some of it; all of it becomes visible with the last part
 *
 * Every message carries the sender's disk, so that a node that lost its disk is not taken for the
 * one that it was.
 */

import type { Fingerprint } from './fingerprint';
import type { Cell } from './parts_codec';
import type { Vector } from './vectors';

interface Common {
  /** The storage id of the sender. */
  readonly replica: number;
}

/** Keys that the sender's clients have just changed, as they are with the sender now. */
export interface Push extends Common {
  readonly kind: 'push';
  /** The sender's own update before these: whoever has not seen it must wait for it. */
  readonly since: number;
  /** All that the sender has seen, these updates included. */
  readonly seen: Vector;
  readonly cells: readonly Cell[];
}

/** What the sender has seen, durably. */
export interface Report extends Common {
  readonly kind: 'report';
  readonly seen: Vector;
  /**
   * The newest tombstones that the sender has collected, by replica. Whoever has not seen them all
   * must compare its keys, because the sender has nothing left that would tell what is gone.
   */
  readonly collected: Vector;
  /** Of all that clients see, at this point. */
  readonly fingerprint: Fingerprint;
  /** The sender does not know that the receiver has all this, and wants a report in return. */
  readonly wantsReport: boolean;
}

/** How what the receiver of a transfer holds is told to the giver. */
export type Holding =
  /** `seen` says it all. */
  | { readonly kind: 'seen' }
  /** It holds nothing. */
  | { readonly kind: 'empty' }
  /** Hashes of all groups of keys: what is gone must be found by comparing. */
  | { readonly kind: 'leaves'; readonly prints: readonly Fingerprint[] };

export interface Pull extends Common {
  readonly kind: 'pull';
  /** Chosen by the one who asks. */
  readonly transfer: number;
  /** The next part that is wanted. Part 0 begins the transfer, with what the giver has then. */
  readonly part: number;
  /** What the sender has seen. */
  readonly seen: Vector;
  readonly holding: Holding;
}

export interface TransferPart extends Common {
  readonly kind: 'part';
  readonly transfer: number;
  /**
   * Chosen by the giver each time that it begins a transfer. A question that comes twice may make it
   * begin one again, with what it has by then, after a restart for instance; the parts of two do not
   * go together.
   */
  readonly beginning: number;
  readonly part: number;
  readonly isLast: boolean;
  /** What the giver had seen and collected when the transfer began. */
  readonly seen: Vector;
  readonly collected: Vector;
  /** Of the keys in these groups all that the giver holds are in the transfer. Sorted. */
  readonly leaves: readonly number[];
  /** A key that is too large for one part is in several, cut between its parts (`pieces.ts`). */
  readonly cells: readonly Cell[];
}

export type ConvergentMessage = Push | Report | Pull | TransferPart;
export type MessageKind = ConvergentMessage['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<ConvergentMessage, { kind: Kind }>;
/** A message without what the node adds to each. */
export type Said<Message extends ConvergentMessage = ConvergentMessage> =
  Message extends ConvergentMessage ? Omit<Message, 'replica'> : never;
