/**
 * The operator of a group: now and then he unregisters a peer, and later registers it again.
 *
 * What he has asked for may be carried out late (the node that he asked may be stopped), and under a
 * clock that is ahead of others. So he does not take a registration for the last word while an
 * unregistration is still under way, or has a later stamp: the map would rightly follow that.
 */

import { peerKey } from '../../core/convergent/peers';
import type { ConvergentRequest } from '../../core/convergent/requests';
import type { Store } from '../../core/convergent/store';
import { type Millis, millis, type NodeId } from '../../core/ids';
import { RegisterOperation } from './convergent_operation';
import { registration } from './timed_replica';

/** The wall clock is the machine's: `timed_replica.ts` puts it in. */
const wall = millis(0);

export class Operator {
  /** Who is no peer, or soon will be none. */
  outsider: NodeId | undefined;
  /** What he has asked for so far. */
  changes = 0;
  /** Who was asked to unregister somebody, and has not done it yet. */
  private asked: NodeId | undefined;
  /** The stamps of the last unregistration and of the last registration. */
  private unregisteredAt = 0;
  private registeredAt = 0;

  constructor(private readonly members: readonly NodeId[]) {}

  /** Asks a node for the next change; another node becomes the outsider. */
  nextChange(asked: NodeId, deadline: Millis): ConvergentRequest {
    this.changes++;
    if (this.outsider !== undefined) return registration(this.outsider, wall, deadline);
    const others = this.members.filter((id) => id !== asked);
    const peer = others[this.changes % others.length] as NodeId;
    this.outsider = peer;
    this.asked = asked;
    return { kind: 'unregister', peer, deadline, wall };
  }

  /** A node has carried out a request, and holds this since. */
  carriedOut(request: ConvergentRequest, store: Store): void {
    if (request.kind !== 'register' && request.kind !== 'unregister') return;
    const stamp = store.partsOf(peerKey(request.peer)).at(-1)?.stamp.time ?? 0;
    if (request.kind === 'register') this.registeredAt = stamp;
    else {
      this.asked = undefined;
      this.unregisteredAt = stamp;
    }
  }

  /** The process of a node has ended, and with it what it was asked for. */
  ended(node: NodeId): void {
    if (this.asked === node) this.asked = undefined;
  }

  /** Registers the outsider again; asked of himself, he registers another, and so himself too. */
  registration(node: NodeId, outsider: NodeId): RegisterOperation {
    const other = this.members.find((id) => id !== node) as NodeId;
    return new RegisterOperation(node === outsider ? other : outsider, () => {
      if (this.asked !== undefined || this.registeredAt <= this.unregisteredAt) return false;
      this.outsider = undefined;
      return true;
    });
  }
}
