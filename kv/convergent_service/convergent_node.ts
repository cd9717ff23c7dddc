/** One convergent replica, put together: the pure core, a disk, a network, and the driver. */

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from '../config';
import { convergentCodec } from '../core/convergent/codec';
import { Convergent } from '../core/convergent/convergent';
import { DEFAULT_CONVERGENT_OPTIONS } from '../core/convergent/defaults';
import type { ConvergentMessage } from '../core/convergent/messages';
import type { ConvergentOptions } from '../core/convergent/options';
import { recover } from '../core/convergent/recovery';
import type { ConvergentReply, ConvergentRequest } from '../core/convergent/requests';
import { operatingError } from '../core/errors';
import { type Millis, millis, type NodeId, type StorageId, storageId } from '../core/ids';
import { monotonicNow } from '../runtime/clock';
import { Driver } from '../runtime/driver';
import type { Log } from '../runtime/log';
import { PeerTransport } from '../runtime/peer_transport';
import type { PeerUrl } from '../runtime/peer_url';
import { openDurableStorage } from '../storage/durable_storage';
import { nodeOfDisk } from '../storage/identity';
import { MemoryStorage } from '../storage/memory_storage';
import type { Storage } from '../storage/storage';

export interface ConvergentNode {
  readonly core: Convergent;
  readonly driver: Driver<ConvergentMessage, ConvergentRequest, ConvergentReply>;
  readonly storage: Storage;
  readonly transport: PeerTransport<ConvergentMessage>;
}

export interface ConvergentNodeHooks {
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly onStep: () => void;
  readonly onTrace?: ((line: string) => void) | undefined;
  /** Another replica was told to link up with this one. */
  readonly introduced: (peer: PeerUrl, id: NodeId) => void;
}

/** The wall clock as the core wants it; it alone decides how far to believe it. */
export const wallNow = (): Millis => millis(Date.now());

/** Recovers from the disk, and makes a node that has not started yet. Throws what the disk says. */
export function makeConvergentNode(
  config: NodeConfig,
  storage: Storage,
  hooks: ConvergentNodeHooks,
): ConvergentNode {
  const options = optionsOf(config, storage, hooks.onTrace !== undefined);
  const core = new Convergent(options, recover(storage.recovered), monotonicNow());
  const transport = new PeerTransport<ConvergentMessage>({
    self: storage.identity.nodeId,
    cluster: storage.identity.clusterId,
    publicUrl: config.publicUrl,
    introduced: hooks.introduced,
    peers: [],
    codec: convergentCodec(),
    log: hooks.log,
    storage: storage.identity.storageId,
    ...(config.secret === undefined ? {} : { secret: config.secret }),
  });
  const driver = new Driver<ConvergentMessage, ConvergentRequest, ConvergentReply>({
    protocol: core,
    storage,
    transport,
    stopped: { kind: 'failed', error: STOPPED },
    onFatal: hooks.onFatal,
    onStep: hooks.onStep,
    ...(hooks.onTrace === undefined ? {} : { onTrace: hooks.onTrace }),
  });
  return { core, driver, storage, transport };
}

const STOPPED = operatingError(
  'stopped',
  'The node was stopped while the request was under way; it may have taken effect',
);

/** The disk of a node. Whoever opens it closes it, unless a driver does. */
export function openStorage({ clusterId, dataDir }: NodeConfig): Storage {
  if (dataDir !== undefined) {
    return openDurableStorage({ folder: dataDir, clusterId, drawStorageId });
  }
  const disk = drawStorageId();
  return new MemoryStorage({ nodeId: nodeOfDisk(disk), clusterId, storageId: disk });
}

/** Never 0, which means "none". */
const drawStorageId = (): StorageId => storageId(randomBytes(6).readUIntBE(0, 6) || 1);

function optionsOf(config: NodeConfig, storage: Storage, trace: boolean): ConvergentOptions {
  const { convergent, publicUrl, maxKeyBytes, maxBodyBytes } = config;
  const { maxDriftMs, compareMs, maxChanges, maxPeers, snapshotJournalBytes } = convergent;
  const { storageId: disk, nodeId: self } = storage.identity;
  return {
    ...DEFAULT_CONVERGENT_OPTIONS,
    ...{ self, address: publicUrl, storage: disk, trace, wall: wallNow() },
    ...{ seed: randomBytes(4).readUInt32BE(0), maxChanges, maxPeers, maxKeyBytes },
    ...{ snapshotJournalBytes, maxValueBytes: maxBodyBytes, maxUpdateBytes: maxBodyBytes },
    maxDriftMs: millis(maxDriftMs),
    antiEntropyMs: millis(compareMs),
  };
}
