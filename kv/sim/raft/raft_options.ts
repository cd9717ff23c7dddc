/** The options of simulated nodes, drawn from the seed: small limits, so that each of them is met. */

import { millis } from '../../core/ids';
import { encodeSettings, type SessionSettings } from '../../core/machine/envelope';
import type { Prng } from '../../core/prng';
import type { RaftOptions } from '../../core/raft/options';

/** What all nodes of a run have in common. */
export type SharedOptions = Omit<RaftOptions, 'self' | 'storage' | 'members' | 'seed' | 'trace'>;

export function drawRaftOptions(prng: Prng, slowestDelayMs: number): SharedOptions {
  // An election timeout must be well above the time of a message there and back.
  const scale = slowestDelayMs > 20 ? 4 : slowestDelayMs > 5 ? 2 : 1;
  const electionTimeoutMinMs = prng.pick([100, 150, 300]) * scale;
  // Every start of a node opens a session: where few are allowed they must not live for long.
  const fewSessions = prng.chance(1, 3);
  const session: SessionSettings = {
    keyTtlMs: 15 * 60_000,
    sessionTtlMs: fewSessions ? prng.pick([300, 2000]) : 15 * 60_000,
    maxKeys: prng.pick([1_000_000, 1_000_000, 200]),
    maxSessions: fewSessions ? prng.pick([8, 16]) : 10_000,
  };
  const shares = prng.stream('snapshot shares');
  const thrift = prng.stream('thrift');
  const patience = prng.stream('patience');
  return {
    electionTimeoutMinMs: millis(electionTimeoutMinMs),
    electionTimeoutMaxMs: millis(electionTimeoutMinMs * 2),
    electionSpreadMinMs: millis(prng.pick([1, 10, 50])),
    heartbeatMs: millis(Math.floor(electionTimeoutMinMs / prng.pick([3, 5]))),
    maxDiskStallMs: millis(prng.pick([300, 1000, 2000])),
    maxEntriesPerMessage: prng.pick([1, 3, 64, 1024]),
    maxBytesPerMessage: prng.pick([500, 64 * 1024]),
    maxInflightMessages: prng.pick([1, 2, 16, 64]),
    maxInflightBytes: prng.pick([2000, 1024 * 1024]),
    spareDelayMs: millis(thrift.pick([0, 0, 5, 50])),
    sparePatienceMs: millis(patience.pick([0, 5, 50])),
    spareMessageEntries: thrift.pick([2, 5, 64]),
    applyLaterEntries: prng.stream('apply later').pick([1, 1, 3, 16]),
    maxUncommittedBytes: prng.pick([1500, 1024 * 1024, 1024 * 1024]),
    maxPendingRequests: prng.pick([4, 1000, 1000]),
    snapshotLogBytes: prng.pick([2000, 8000, 30_000, 1e9]),
    // Of a stream of their own: older seeds go on drawing what they drew.
    snapshotLogPercent: shares.pick([0, 20, 100]),
    snapshotSpreadPercent: shares.pick([0, 0, 50]),
    keepLogBytes: prng.pick([0, 1000, 10_000]),
    snapshotSliceBytes: prng.pick([64, 500, 10_000]),
    machineSettings: encodeSettings(session),
  };
}
