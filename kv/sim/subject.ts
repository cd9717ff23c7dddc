/**
 * What the simulator needs of the system that it tests: how a node is made, what its clients ask,
 * and what must be true. The world around it (network, disks, clocks, faults) knows no protocol.
 */

import type { Millis, NodeId, StorageId } from '../core/ids';
import type { Prng } from '../core/prng';
import type { Effect, MessageCodec, Protocol, Recovered } from '../core/protocol';

/** One start of one node. */
export interface NodeStart {
  readonly self: NodeId;
  readonly storage: StorageId;
  /** Differs between nodes and between the starts of one node. */
  readonly seed: number;
  /** What the node's own clock shows. */
  readonly at: Millis;
  readonly trace: boolean;
}

/** A client's request and its judgement of the answers. */
export interface Operation<Request, Reply> {
  /** In the words of the trace: `append list1 17`. */
  readonly text: string;
  /** The node that must be asked, if not any will do. */
  readonly node?: NodeId | undefined;
  /** To ask again without having an answer does no harm. */
  readonly repeatable: boolean;
  /** The request, to be answered before `deadline` by the clock of the node that is asked. */
  request(deadline: Millis): Request;
  judge(reply: Reply): Judgement;
  /** What the client knows when it asks no more. Called once. */
  ended(): void;
}

export type Judgement =
  /** It has its answer. */
  | { readonly kind: 'done'; readonly text: string }
  /** It may ask again, at another node perhaps. */
  | { readonly kind: 'again'; readonly text: string }
  /** To ask again could do harm, or is in vain. */
  | { readonly kind: 'give_up'; readonly text: string };

export interface Subject<Message, Request, Reply> {
  readonly codec: MessageCodec<Message>;

  /** Makes a node of what its disk holds. */
  start(setup: NodeStart, recovered: Recovered): Protocol<Message, Request, Reply>;

  /** Looks at a node that has taken a step, before its effects are carried out. Throws `Violation`. */
  observe(
    node: NodeId,
    protocol: Protocol<Message, Request, Reply>,
    effects: readonly Effect<Message, Reply>[],
  ): void;
  /** A node's disk has said that its records up to `through` are durable. */
  persisted(node: NodeId, through: number): void;
  /** A node's process has ended. */
  ended(node: NodeId): void;

  /** The next operation of a client. */
  operation(client: string, prng: Prng): Operation<Request, Reply>;
  /**
   * An operation that succeeds on a node of a cluster that works as far as the nodes of `among`,
   * which can reach each other, are enough; undefined if there is none.
   */
  probe(
    node: NodeId,
    kind: 'write' | 'read',
    among: readonly NodeId[],
  ): Operation<Request, Reply> | undefined;
  /** A client was restarted: it remembers nothing. */
  clientRestarted(client: string): void;

  /** The node that leads, if there is such a thing, as far as an observer can tell. */
  leader(): NodeId | undefined;
  /** Asks a leader to hand over, if there is such a thing. */
  handOver(deadline: Millis): Request | undefined;
  /** Where there is nothing to hand over: the leader gets an empty disk instead, if it may. */
  readonly replacesDisks?: boolean;
  /** Whether the system promises to survive the loss of this node's disk just now. */
  mayLoseDisk(node: NodeId, diskOf: (node: NodeId) => StorageId): boolean;

  /** Nodes that are in the middle of something which a fault may spoil, and what that is. */
  delicate(): readonly { readonly node: NodeId; readonly why: string }[];

  /** Whether the system counts on this node with this disk. */
  isSettled(node: NodeId, storage: StorageId): boolean;

  /** Nothing waits, everybody agrees; else says what is not so yet. */
  unrest(): string | undefined;
  /** The end of a run, at rest: looks at everything that was seen. Throws `Violation`. */
  checkHistory(): void;
  /** How long a healthy majority may take to serve, and a healthy cluster to come to rest. */
  readonly recoveryMs: number;
  /**
   * How long nodes that were left out stay so after the others have served; not at all if undefined.
   * Nothing is written any more, so whoever is cut off learns what he has missed only if somebody
   * says it again.
   */
  readonly quietMs?: number;
}
