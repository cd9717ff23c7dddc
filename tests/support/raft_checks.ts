/**
 * What must be true of all nodes together (the properties of Figure 3), seen from outside: each
 * step is noted, so that a violation is found although no two nodes show it at the same time.
 */

import type { Answer, Query } from '../../kv/core/command';
import type { Entry } from '../../kv/core/raft/entry';
import type { Raft } from '../../kv/core/raft/raft';

type Core = Raft<Query, Answer>;

export class RaftChecks {
  /** The leader of each term. */
  private readonly leaders = new Map<number, string>();
  /** Every entry that was ever known to be committed, with the term in which it was first known. */
  private readonly committed = new Map<number, { entry: Entry; inTerm: number }>();

  /** Looks at a node that has just taken a step. */
  observe(core: Core, committedBefore: number): void {
    const raft = core.inspect;
    if (raft.role.kind === 'leader') {
      const before = this.leaders.get(raft.term);
      if (before !== undefined && before !== raft.self) {
        throw new Error(`election safety: ${before} and ${raft.self} both lead term ${raft.term}`);
      }
      this.leaders.set(raft.term, raft.self);
    }
    const from = Math.max(committedBefore, raft.log.baseIndex) + 1;
    for (let at = from; at <= raft.commit; at++) {
      const entry = raft.log.entryAt(at);
      const known = this.committed.get(at);
      if (known === undefined) this.committed.set(at, { entry, inTerm: raft.term });
      else if (!sameEntry(known.entry, entry)) {
        throw new Error(`state machine safety: two entries ${at} are committed (${raft.self})`);
      }
    }
  }

  /** Looks at all nodes that are up. */
  check(cores: readonly Core[]): void {
    for (const core of cores) this.checkCompleteness(core);
    cores.forEach((one, i) => {
      for (const other of cores.slice(i + 1)) {
        checkLogMatching(one, other);
        checkSameState(one, other);
      }
    });
  }

  /** A committed entry is in the log of every leader of a later term, and never replaced anywhere. */
  private checkCompleteness(core: Core): void {
    const { role, log, self, term, commit } = core.inspect;
    for (const [at, { entry, inTerm }] of this.committed) {
      if (at <= log.baseIndex) continue;
      const binding = (role.kind === 'leader' && term > inTerm) || at <= commit;
      if (!binding) continue;
      const held = at <= log.lastIndex ? log.entryAt(at) : undefined;
      if (held === undefined || !sameEntry(held, entry)) {
        throw new Error(`leader completeness: ${self} (${role.kind}) lacks committed entry ${at}`);
      }
    }
  }
}

/** "If two logs contain an entry with the same index and term, the logs are identical up to it." */
function checkLogMatching(one: Core, other: Core): void {
  const [a, b] = [one.inspect.log, other.inspect.log];
  const first = Math.max(a.firstIndex, b.firstIndex);
  let mustMatch = false;
  for (let at = Math.min(a.lastIndex, b.lastIndex); at >= first; at--) {
    const [x, y] = [a.entryAt(at), b.entryAt(at)];
    if (x.term === y.term) mustMatch = true;
    if (mustMatch && !sameEntry(x, y)) {
      throw new Error(`log matching: ${one.inspect.self} and ${other.inspect.self} at ${at}`);
    }
  }
}

/** Two nodes that have applied the same entries are in the same state, byte for byte. */
function checkSameState(one: Core, other: Core): void {
  const [a, b] = [one.inspect, other.inspect];
  const walked = a.taking !== undefined || b.taking !== undefined;
  if (walked || a.applied !== b.applied) return;
  if (stateText(one) !== stateText(other)) {
    throw new Error(`state machine safety: ${a.self} and ${b.self} differ at ${a.applied}`);
  }
}

/** The whole state of a node's machine, sessions included, as text. */
export function stateText(core: Core): string {
  const cursor = core.inspect.machine.beginSnapshot();
  const parts: string[] = [];
  for (let slice = cursor.next(65536); slice !== undefined; slice = cursor.next(65536)) {
    parts.push(slice.join(' '));
  }
  cursor.release();
  return parts.join(' ');
}

const sameEntry = (one: Entry, other: Entry): boolean =>
  one.encoded.length === other.encoded.length &&
  one.encoded.every((byte, i) => byte === other.encoded[i]);
