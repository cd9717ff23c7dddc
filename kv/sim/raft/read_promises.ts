/** What a read promises by its level, checked against what an all-knowing observer has seen. */

import type { RaftState } from '../../core/raft/state';
import type { RunConfiguration } from '../configuration';
import { Violation } from '../violation';
import type { ClusterHistory } from './cluster_history';
import type { RaftOperation } from './raft_operation';

/**
 * How much longer than a node's clock says something may really have taken: an age is made of
 * durations by two clocks (DESIGN.md of the core, "How old can a state be?").
 */
const CLOCK_SLACK: Record<RunConfiguration['clocks'], number> = {
  good: 1.01,
  drifting: 1.1,
  wild: 2,
};

export function checkRead<Query, Answer>(
  { record, manner, askedAt, servedAt, text }: RaftOperation<Query, Answer>,
  history: ClusterHistory,
  clocks: RunConfiguration['clocks'],
): void {
  const { served, isLinearizable, client } = record;
  if (served === undefined) return;
  const what = `${client} ${text} was answered from index ${served.index}`;
  if (served.index > history.committed.length) {
    throw new Violation('uncommitted read', `${what}, which is not committed`);
  }
  if (manner.minIndex !== undefined && served.index < manner.minIndex) {
    throw new Violation('min_index', `${what}, it asked for ${manner.minIndex} at least`);
  }
  if (isLinearizable) {
    const needed = history.committedBefore(askedAt);
    if (served.index < needed) {
      throw new Violation('read index', `${what}, ${needed} was committed before it was asked`);
    }
  }
  if (manner.level !== 'stale') return;
  if (manner.maxStaleness !== undefined && served.age > manner.maxStaleness) {
    throw new Violation(
      'staleness',
      `${what}, ${served.age} ms old, at most ${manner.maxStaleness} was asked for`,
    );
  }
  const needed = history.committedBefore(servedAt - served.age * CLOCK_SLACK[clocks]);
  if (served.index < needed) {
    throw new Violation(
      'staleness',
      `${what} as at most ${served.age} ms old, but ${needed} had been committed by then`,
    );
  }
}

/** How old a node thinks that its state is at most, whether or not somebody asks just now. */
export function checkAge(
  raft: Readonly<RaftState>,
  now: number,
  history: ClusterHistory,
  clocks: RunConfiguration['clocks'],
): void {
  // The state is looked at and not changed, which its type cannot say.
  const age = raft.clients.reads.age(raft as RaftState);
  if (age === Number.POSITIVE_INFINITY) return;
  const needed = history.committedBefore(now - age * CLOCK_SLACK[clocks]);
  if (raft.applied >= needed) return;
  throw new Violation(
    'staleness',
    `${raft.self} takes its state at index ${raft.applied} for at most ${age} ms old, but ${needed} had been committed by then`,
  );
}
