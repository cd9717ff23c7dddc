/**
 * One Raft node, put together: the pure core, a disk, a network, and the driver that connects them.
 * This is where the protocol meets concrete classes; a protocol of another kind has its own.
 */

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from '../config';
import type { Answer, Query } from '../core/command';
import { operatingError } from '../core/errors';
import { millis, type StorageId, storageId } from '../core/ids';
import { encodeSettings } from '../core/machine/envelope';
import { KeyValue } from '../core/machine/key_value';
import { Sessions } from '../core/machine/sessions';
import { raftCodec } from '../core/raft/codec';
import type { RaftMessage } from '../core/raft/messages';
import type { RaftOptions } from '../core/raft/options';
import { Raft } from '../core/raft/raft';
import { recover } from '../core/raft/recovery';
import type { RaftReply, RaftRequest } from '../core/raft/requests';
import { monotonicNow } from '../runtime/clock';
import { Driver } from '../runtime/driver';
import type { Log } from '../runtime/log';
import { useNativeLatin1 } from '../runtime/native_latin1';
import { parsePeerAddress } from '../runtime/peer_options';
import { PeerTransport } from '../runtime/peer_transport';
import { openDurableStorage } from '../storage/durable_storage';
import { MemoryStorage } from '../storage/memory_storage';
import type { Storage } from '../storage/storage';

export type KeyValueRaft = Raft<Query, Answer>;
export type RaftDriver = Driver<RaftMessage, RaftRequest<Query>, RaftReply<Answer>>;

export interface RaftNode {
  readonly raft: KeyValueRaft;
  readonly driver: RaftDriver;
  readonly storage: Storage;
  readonly transport: PeerTransport<RaftMessage>;
}

export interface RaftNodeHooks {
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly onStep: () => void;
  /** Hears every line of the trace when given; building the lines costs. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** Recovers from the disk, and makes a node that has not started yet. Throws what the disk says. */
export function makeRaftNode(config: NodeConfig, storage: Storage, hooks: RaftNodeHooks): RaftNode {
  useNativeLatin1();
  const members = [config.nodeId, ...config.partners];
  const initial = recover(members, storage.recovered, new Sessions(new KeyValue()));
  const options = raftOptions(config, storage, hooks.onTrace !== undefined);
  const raft: KeyValueRaft = new Raft(options, initial, monotonicNow());
  const transport = new PeerTransport<RaftMessage>({
    self: config.nodeId,
    cluster: storage.identity.clusterId,
    bind: { host: config.peerHost, port: config.peerPort },
    peers: config.partners.flatMap((id) => parsePeerAddress(id) ?? []),
    codec: raftCodec(),
    log: hooks.log,
    storage: storage.identity.storageId,
    ...(config.secret === undefined ? {} : { secret: config.secret }),
  });
  const driver: RaftDriver = new Driver({
    protocol: raft,
    storage,
    transport,
    stopped: { kind: 'failed', error: STOPPED },
    onFatal: hooks.onFatal,
    onStep: hooks.onStep,
    ...(hooks.onTrace === undefined ? {} : { onTrace: hooks.onTrace }),
  });
  return { raft, driver, storage, transport };
}

const STOPPED = operatingError(
  'stopped',
  'The node was stopped while the request was under way; it may have taken effect',
);

/** The disk of a node. Whoever opens it closes it, unless a driver does. */
export function openStorage(config: NodeConfig): Storage {
  const { nodeId, clusterId, dataDir } = config;
  if (dataDir === undefined) {
    return new MemoryStorage({ nodeId, clusterId, storageId: drawStorageId() });
  }
  return openDurableStorage({ folder: dataDir, nodeId, clusterId, drawStorageId });
}

/** Never 0, which means "none". */
const drawStorageId = (): StorageId => storageId(randomBytes(6).readUIntBE(0, 6) || 1);

function raftOptions(config: NodeConfig, storage: Storage, trace: boolean): RaftOptions {
  const { raft, keyTtlMs, sessionTtlMs } = config;
  return {
    ...raft,
    self: config.nodeId,
    storage: storage.identity.storageId,
    members: [config.nodeId, ...config.partners],
    seed: randomBytes(4).readUInt32BE(0),
    trace,
    electionTimeoutMinMs: millis(raft.electionTimeoutMinMs),
    electionTimeoutMaxMs: millis(raft.electionTimeoutMaxMs),
    electionSpreadMinMs: millis(raft.electionSpreadMinMs),
    heartbeatMs: millis(raft.heartbeatMs),
    maxDiskStallMs: millis(raft.maxDiskStallMs),
    spareDelayMs: millis(raft.spareDelayMs),
    sparePatienceMs: millis(raft.sparePatienceMs),
    machineSettings: encodeSettings({
      keyTtlMs,
      sessionTtlMs,
      maxKeys: config.maxIdempotencyKeys,
      maxSessions: config.maxSessions,
    }),
  };
}
