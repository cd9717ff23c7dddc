/**
 * Leases rest on promises (DESIGN.md of the core, "Leases"): who has given one votes for nobody until
 * it is over, whatever happens to its process. A promise that a restart has wiped out harms nobody
 * as long as nobody asks for the vote, so each vote is held against what was promised.
 */

import type { NodeId, StorageId } from '../../core/ids';
import { promisedUntil } from '../../core/raft/leader_contact';
import type { RaftMessage } from '../../core/raft/messages';
import type { RaftState } from '../../core/raft/state';
import { Violation } from '../violation';

/** The clocks of a life may run a little faster than those of the next. */
const CLOCK_PART = 0.05;

interface Promised {
  /** In moments of the run. */
  readonly until: number;
  readonly inTerm: number;
  /** Only the process that gave it can take it back. */
  wasRestarted: boolean;
}

interface Voted {
  readonly term: number;
  readonly votedFor: NodeId | undefined;
}

export class PromisesKept {
  private readonly promised = new Map<NodeId, Promised>();
  private readonly voted = new Map<NodeId, Voted>();
  private readonly storages = new Map<NodeId, StorageId>();
  /** The terms in which a leader has asked for its own replacement, and so trusts no lease. */
  private readonly givenUp = new Set<number>();

  ended(node: NodeId): void {
    const promised = this.promised.get(node);
    if (promised !== undefined) promised.wasRestarted = true;
    this.voted.delete(node);
  }

  /** A node with another disk is another voter, which has promised nothing. */
  started(node: NodeId, storage: StorageId): void {
    if (this.storages.get(node) !== storage) this.promised.delete(node);
    this.storages.set(node, storage);
  }

  sent(message: RaftMessage): void {
    if (message.kind === 'timeout_now') this.givenUp.add(message.term);
  }

  observe(raft: Readonly<RaftState>, now: number): void {
    const { self, term, votedFor, options } = raft;
    const before = this.voted.get(self);
    this.voted.set(self, { term, votedFor });
    const isVote =
      before !== undefined &&
      votedFor !== undefined &&
      (before.term !== term || before.votedFor !== votedFor);
    const promised = this.promised.get(self);
    const slack = options.electionTimeoutMinMs * CLOCK_PART;
    if (isVote && promised?.wasRestarted && now < promised.until - slack) {
      this.checkVote(raft, promised, now);
    }
    // The state is looked at and not changed, which its type cannot say.
    const left = promisedUntil(raft as RaftState) - raft.now;
    if (left > 0) this.promised.set(self, { until: now + left, inTerm: term, wasRestarted: false });
    else if (promised !== undefined && !promised.wasRestarted) this.promised.delete(self);
  }

  private checkVote(
    { self, term, votedFor }: Readonly<RaftState>,
    promised: Promised,
    now: number,
  ) {
    if (this.givenUp.has(promised.inTerm) || this.givenUp.has(term - 1)) return;
    const left = Math.round(promised.until - now);
    throw new Violation(
      'lease',
      `${self} votes for ${votedFor} in term ${term}, and before it was restarted it promised in term ${promised.inTerm} not to, for another ${left} ms`,
    );
  }
}
