/** Whether a node should be sent requests, as `GET /health/ready` tells it to whoever shares them out. */

import { MAX_APPLIED_PER_STEP } from '../core/raft/options';
import type { RaftStatus } from '../core/raft/status';
import type { Readiness } from '../service';

/**
 * Ready to serve linearizable requests: a leader is known, and this node is not far behind it. Every
 * node would answer in the end; one that still has a long log to apply would keep its clients waiting.
 */
export function readinessOf(status: RaftStatus, maxAgeMs: number): Readiness {
  const { hasQuorum, snapshotActivity } = status;
  if (!hasQuorum) return notReady('no leader with a majority is known');
  if (snapshotActivity === 'installing') return notReady('the node receives a snapshot');
  return isFarBehind(status, maxAgeMs)
    ? notReady('the node is behind what is committed')
    : { ready: true, reason: 'ready' };
}

const notReady = (reason: string): Readiness => ({ ready: false, reason });

/**
 * A follower is as far behind as its state is old, which is not told in entries: of these a busy
 * leader commits thousands between two heartbeats. A leader has no state older than that of others,
 * but after a start it may have a long log to apply, which takes it more than a step.
 */
function isFarBehind(status: RaftStatus, maxAgeMs: number): boolean {
  const { role, ageMs, commitIndex, appliedIndex } = status;
  if (role === 'leader') return commitIndex - appliedIndex > MAX_APPLIED_PER_STEP;
  return ageMs === undefined || ageMs > maxAgeMs;
}
