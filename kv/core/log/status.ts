/** What an operator may want to know about a node. */

import type { NodeId } from '../ids';

/** `suspected`: not heard of for a while. `unhealthy`: for longer, or never. */
export type Health = 'healthy' | 'suspected' | 'unhealthy';

export interface LogStatus {
  readonly self: NodeId;
  /** The name of the log; '' on a secondary that has none yet. */
  readonly log: string;
  /** The oldest order that is kept. */
  readonly first: number;
  /** The order that comes next, among what is shown: below it everything is durable here. */
  readonly end: number;
  /** Messages that the disk does not have yet. */
  readonly unsynced: number;
  readonly messages: number;
  readonly bytes: number;
  /** Ids of dropped messages that are still remembered. */
  readonly droppedIds: number;
  readonly followers: number;
  readonly snapshotActivity: 'none' | 'taking';
  readonly role: MasterStatus | SecondaryStatus;
}

export interface MasterStatus {
  readonly kind: 'master';
  /** How many copies there should be, the master's included. */
  readonly copies: number;
  readonly waiting: number;
  /** Whether appends are taken; if not, why. */
  readonly isWritable: boolean;
  readonly notWritable: string | undefined;
  readonly secondaries: readonly SecondaryOfMaster[];
}

export interface SecondaryOfMaster {
  readonly id: NodeId;
  readonly health: Health;
  /** Milliseconds since it was heard of; undefined before the first time. */
  readonly silentForMs: number | undefined;
  /**
   * `absent`: it has not answered since this master started or since it was lost.
   * `following`: it takes the log. `conflict`: it holds what is not of this log; `problem` says what.
   */
  readonly state: 'absent' | 'following' | 'conflict';
  readonly problem: string | undefined;
  /** Everything below this order is durable there. */
  readonly end: number;
  /** How many messages it lacks. */
  readonly lag: number;
  readonly inFlight: number;
  /** Times that something had to be sent again. */
  readonly retries: number;
}

export interface SecondaryStatus {
  readonly kind: 'secondary';
  readonly master: NodeId;
  readonly isFollowing: boolean;
  /** Below this order everything came from the master; what is above came from outside only. */
  readonly confirmedEnd: number;
  /** Messages beyond a gap. */
  readonly held: number;
  /** Why what the master sends cannot be taken. */
  readonly problem: string | undefined;
}
