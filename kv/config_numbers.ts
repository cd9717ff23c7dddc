/**
 * Every number that can be configured: its default, its range, its unit and what it does. The
 * command line's `--help` is made of this table.
 */

export interface NumberSetting {
  readonly standard: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 'ms' | 'bytes' | 'count';
  /** One sentence without a full stop. */
  readonly help: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const DAY = 86_400_000;

const count = (standard: number, min: number, max: number, help: string): NumberSetting => ({
  ...{ standard, min, max, unit: 'count', help },
});
const ms = (standard: number, min: number, max: number, help: string): NumberSetting => ({
  ...{ standard, min, max, unit: 'ms', help },
});
const bytes = (standard: number, min: number, max: number, help: string): NumberSetting => ({
  ...{ standard, min, max, unit: 'bytes', help },
});

/** Settings of the node and its HTTP service. */
export const NODE_NUMBERS = {
  httpPort: count(8080, 0, 65535, 'port of the HTTP service; 0 takes any free one'),
  requestTimeoutMs: ms(5000, 1, DAY, 'how long a request waits for its outcome'),
  keyTtlMs: ms(900_000, 1000, 30 * DAY, 'how long an Idempotency-Key is remembered'),
  sessionTtlMs: ms(900_000, 1000, 30 * DAY, 'how long an idle session is remembered'),
  maxIdempotencyKeys: count(
    1_000_000,
    1,
    100_000_000,
    'keys remembered at a time; past that keyed writes are refused',
  ),
  maxSessions: count(10_000, 16, 1_000_000, 'sessions remembered at a time'),
  maxKeyBytes: bytes(KIB, 1, 64 * KIB, 'longest key'),
  maxBodyBytes: bytes(4 * MIB, KIB, 32 * MIB, 'largest body of a request'),
  maxConnections: count(
    10_000,
    1,
    1_000_000,
    'HTTP connections at a time; each takes an open file (ulimit -n)',
  ),
  shutdownTimeoutMs: ms(10_000, 0, DAY, 'how long a shutdown waits for requests under way'),
} as const;

/** Settings of the raft protocol. */
export const RAFT_NUMBERS = {
  electionTimeoutMinMs: ms(500, 10, DAY, 'least silence of a leader before an election'),
  electionTimeoutMaxMs: ms(1000, 11, DAY, 'most silence of a leader before an election'),
  electionSpreadMinMs: ms(50, 1, DAY, 'how far apart candidates stand at least, on a fast network'),
  heartbeatMs: ms(100, 1, DAY, 'how often a leader shows that it lives'),
  maxDiskStallMs: ms(2000, 10, DAY, 'how long a flush may take before a leader gives way'),
  maxEntriesPerMessage: count(1024, 1, 1_000_000, 'entries in one message to a follower'),
  maxBytesPerMessage: bytes(MIB, KIB, 32 * MIB, 'entries in one message, in bytes'),
  maxInflightMessages: count(64, 1, 100_000, 'unanswered messages to one follower'),
  maxInflightBytes: bytes(16 * MIB, KIB, GIB, 'unanswered entries to one follower'),
  spareDelayMs: ms(50, 0, 1000, 'how long a follower beyond the quorum may wait for few entries'),
  sparePatienceMs: ms(5, 0, 1000, 'how long it does so while those of the quorum do not answer'),
  spareMessageEntries: count(1024, 1, 1_000_000, 'entries that such a follower gets at once'),
  applyLaterEntries: count(
    16,
    1,
    1_000_000,
    'answered writes that a leader applies in a later step',
  ),
  maxUncommittedBytes: bytes(
    64 * MIB,
    KIB,
    4 * GIB,
    'uncommitted entries; past that writes are refused',
  ),
  maxPendingRequests: count(
    100_000,
    1,
    10_000_000,
    'requests under way; past that they are refused',
  ),
  snapshotLogBytes: bytes(
    64 * MIB,
    KIB,
    1024 * GIB,
    'log since the last snapshot that makes a new one',
  ),
  snapshotLogPercent: count(
    100,
    0,
    10_000,
    'the same in percent of the last snapshot; the larger of the two counts',
  ),
  snapshotSpreadPercent: count(
    50,
    0,
    90,
    'how much earlier than that a node may take it, in percent, so that nodes take turns',
  ),
  keepLogBytes: bytes(16 * MIB, 0, 1024 * GIB, 'log kept behind a snapshot for slow followers'),
  snapshotSliceBytes: bytes(
    128 * KIB,
    KIB,
    16 * MIB,
    'piece of a snapshot written or sent at a time',
  ),
} as const;

/** Settings of the dynamo protocol. */
export const DYNAMO_NUMBERS = {
  replicas: count(3, 1, 16, 'nodes that hold each key; equal on all nodes of a group'),
  standInMs: ms(150, 5, DAY, 'silence of a node after which another one stands in for it'),
  giveUpMs: ms(600, 5, DAY, 'how long a request looks for its quorum at least'),
  antiEntropyMs: ms(30_000, 50, DAY, 'how often a node compares its data with another'),
  maxDiskLagMs: ms(2000, 5, DAY, 'a node whose disk is so far behind takes in no further writes'),
  maxHints: count(1_000_000, 0, 100_000_000, 'keys kept for nodes that cannot be reached'),
  maxSiblings: count(64, 1, 256, 'concurrent versions of a key; past that writes are refused'),
} as const;

/** Settings of the convergent protocol. */
export const CONVERGENT_NUMBERS = {
  maxDriftMs: ms(60_000, 100, 365 * DAY, "how far a peer's clock may be ahead of this node's"),
  compareMs: ms(30_000, 50, DAY, 'how often an idle replica compares with a peer'),
  maxChanges: count(10_000, 1, 1_000_000, 'keys in one request'),
  maxPeers: count(64, 1, 1000, 'peers of a replica'),
  snapshotJournalBytes: bytes(
    64 * MIB,
    KIB,
    1024 * GIB,
    'records since the last snapshot that make a new one',
  ),
} as const;

/** Settings of the replicated log. */
export const LOG_NUMBERS = {
  suspectAfterMs: ms(1000, 10, DAY, 'silence of a secondary after which it is suspected'),
  unhealthyAfterMs: ms(3000, 10, DAY, 'silence of a secondary after which it is unhealthy'),
  retainMessages: count(0, 0, 1e15, 'messages kept at most, once all have them; 0 keeps all'),
  retainBytes: bytes(0, 0, 1024 * GIB, 'size of the messages kept at most; 0 keeps all'),
  maxLogBytes: bytes(GIB, MIB, 1024 * GIB, 'memory of the log; past that appends are refused'),
  maxWaiting: count(20_000, 1, 10_000_000, 'appends under way; past that they are refused'),
  maxCatchUpBytes: bytes(128 * KIB, KIB, GIB, 'on the way to a secondary that is behind, at most'),
  delayMs: ms(0, 0, DAY, 'how long a secondary puts off what it is sent, to try a slow one'),
} as const;
