/**
 * The operator of a group: now and then he unregisters a peer, and later registers it again.
 *
 * What he has asked for may be carried out late (the node that he asked may be stopped), and under a
 * clock that is ahead of others. So he does not take a registration for the last word while an
 * unregistration is still under way, or has a later stamp: the map would rightly follow that. Nor does
 * he count on a registration that somebody has said and may lose in a crash.
 */

import { type Millis, millis, type NodeId } from '../../core/ids';
import { RegisterOperation } from './convergent_operation';
import { registration } from './timed_replica';
import type { Order, Word } from './true_peers';

/** The wall clock is the machine's: `timed_replica.ts` puts it in. */
const wall = millis(0);

export class Operator {
  /** Who is no peer, or soon will be none, or was none and not everybody knows that he is one again. */
  outsider: NodeId | undefined;
  /** What he has asked for so far. */
  changes = 0;
  /** Who was asked to unregister somebody, and has not done it yet. */
  private asked: NodeId | undefined;

  constructor(
    private readonly members: readonly NodeId[],
    /** The last word on somebody that he may count on. */
    private readonly lastWord: (peer: NodeId) => Word | undefined,
    /** Whether it is the last word on somebody that he is a peer, and all have that on their disks. */
    private readonly isSettled: (peer: NodeId) => boolean,
  ) {}

  /** Asks a node for the next change. Once one peer is back another one becomes the outsider. */
  nextChange(asked: NodeId, deadline: Millis): Order {
    this.changes++;
    const { outsider } = this;
    const isBack = outsider !== undefined && this.asked === undefined && this.isSettled(outsider);
    if (outsider !== undefined && !isBack) return registration(outsider, wall, deadline);
    const others = this.members.filter((id) => id !== asked);
    this.asked = asked;
    return this.unregistration(others[this.changes % others.length] as NodeId, deadline);
  }

  /** Asks a node for a change about the outsider; himself he cannot register, but another. */
  insist(kind: Order['kind'], node: NodeId, outsider: NodeId, deadline: Millis): Order {
    this.changes++;
    if (kind === 'unregister') return this.unregistration(outsider, deadline);
    return registration(this.whomToRegister(node, outsider), wall, deadline);
  }

  private unregistration(peer: NodeId, deadline: Millis): Order {
    this.outsider = peer;
    return { kind: 'unregister', peer, deadline, wall };
  }

  /** A node has carried out what it was asked for. */
  carriedOut(node: NodeId, { kind }: Order): void {
    if (kind === 'unregister' && this.asked === node) this.asked = undefined;
  }

  /** The process of a node has ended, and with it what it was asked for. */
  ended(node: NodeId): void {
    if (this.asked === node) this.asked = undefined;
  }

  /** Registers the outsider again; asked of himself, he registers another, and so himself too. */
  registration(node: NodeId, outsider: NodeId): RegisterOperation {
    return new RegisterOperation(this.whomToRegister(node, outsider), () => {
      if (this.asked !== undefined || this.lastWord(outsider)?.isPeer !== true) return false;
      this.outsider = undefined;
      return true;
    });
  }

  private whomToRegister(node: NodeId, outsider: NodeId): NodeId {
    const other = this.members.find((id) => id !== node) as NodeId;
    return node === outsider ? other : outsider;
  }
}
