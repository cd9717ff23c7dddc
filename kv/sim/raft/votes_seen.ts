/**
 * The election restriction (§5.4.1), seen from outside: nobody votes for a candidate whose log is
 * less up to date than its own. Most such votes harm nobody, so they are looked at one by one.
 */

import type { NodeId } from '../../core/ids';
import type { RaftState } from '../../core/raft/state';
import { Violation } from '../violation';

/** The end of a log. */
interface End {
  readonly index: number;
  readonly term: number;
}

interface Before {
  readonly end: End;
  readonly votedFor: NodeId | undefined;
  readonly term: number;
}

export class VotesSeen {
  /** Where the log of each candidate ended when it stood, by candidate and term. */
  private readonly candidates = new Map<string, End>();
  private readonly before = new Map<NodeId, Before>();

  ended(node: NodeId): void {
    this.before.delete(node);
  }

  observe({ self, term, votedFor, role, log }: Readonly<RaftState>): void {
    const end = { index: log.lastIndex, term: log.lastTerm };
    const before = this.before.get(self);
    this.before.set(self, { end, votedFor, term });
    if (before === undefined || votedFor === undefined) return;
    if (before.term === term && before.votedFor === votedFor) return;
    if (role.kind === 'candidate') this.candidates.set(`${self} ${term}`, end);
    // What a step appended or dropped beside its vote may have come before or after it.
    if (votedFor === self || !sameEnd(before.end, end)) return;
    const candidate = this.candidates.get(`${votedFor} ${term}`);
    if (candidate === undefined || isUpToDate(candidate, end)) return;
    throw new Violation(
      'election restriction',
      `${self}, whose log ends at ${end.index}@${end.term}, votes in term ${term} for ${votedFor}, whose log ends at ${candidate.index}@${candidate.term}`,
    );
  }
}

const sameEnd = (one: End, other: End): boolean =>
  one.index === other.index && one.term === other.term;

/** "The log with the later term is more up-to-date; if they end with the same term, the longer" (§5.4.1). */
const isUpToDate = (one: End, other: End): boolean =>
  one.term > other.term || (one.term === other.term && one.index >= other.index);
