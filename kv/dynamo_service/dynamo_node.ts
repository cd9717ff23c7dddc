/** One Dynamo node, put together: the pure core, a disk, a network, and the driver between them. */

import { createHash, randomBytes } from 'node:crypto';
import type { NodeConfig } from '../config';
import { dynamoCodec } from '../core/dynamo/codec';
import { DEFAULT_DYNAMO_OPTIONS } from '../core/dynamo/defaults';
import { Dynamo } from '../core/dynamo/dynamo';
import type { DynamoMessage } from '../core/dynamo/messages';
import type { DynamoOptions } from '../core/dynamo/options';
import { recover } from '../core/dynamo/recovery';
import type { DynamoReply, DynamoRequest } from '../core/dynamo/requests';
import { operatingError } from '../core/errors';
import { millis, type NodeId, type StorageId, storageId } from '../core/ids';
import { monotonicNow } from '../runtime/clock';
import { Driver } from '../runtime/driver';
import type { Log } from '../runtime/log';
import { parsePeerAddress } from '../runtime/peer_options';
import { PeerTransport } from '../runtime/peer_transport';
import { openDurableStorage } from '../storage/durable_storage';
import { MemoryStorage } from '../storage/memory_storage';
import type { Storage } from '../storage/storage';

export interface DynamoNode {
  readonly core: Dynamo;
  readonly driver: Driver<DynamoMessage, DynamoRequest, DynamoReply>;
  readonly storage: Storage;
  readonly transport: PeerTransport<DynamoMessage>;
}

export interface DynamoNodeHooks {
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly onStep: () => void;
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** Recovers from the disk, and makes a node that has not started yet. Throws what the disk says. */
export function makeDynamoNode(
  config: NodeConfig,
  storage: Storage,
  hooks: DynamoNodeHooks,
): DynamoNode {
  const options = optionsOf(config, storage, hooks.onTrace !== undefined);
  const core = new Dynamo(options, recover(storage.recovered), monotonicNow());
  const transport = new PeerTransport<DynamoMessage>({
    self: config.nodeId,
    cluster: storage.identity.clusterId,
    bind: { host: config.peerHost, port: config.peerPort },
    peers: [],
    admitsGuests: true,
    codec: dynamoCodec(),
    log: hooks.log,
    storage: storage.identity.storageId,
    ...(config.secret === undefined ? {} : { secret: config.secret }),
  });
  const driver = new Driver<DynamoMessage, DynamoRequest, DynamoReply>({
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
export function openStorage(config: NodeConfig): Storage {
  const { nodeId, clusterId, dataDir } = config;
  if (dataDir === undefined) {
    return new MemoryStorage({ nodeId, clusterId, storageId: drawStorageId() });
  }
  return openDurableStorage({ folder: dataDir, nodeId, clusterId, drawStorageId });
}

/** Never 0, which means "none". */
const drawStorageId = (): StorageId => storageId(randomBytes(6).readUIntBE(0, 6) || 1);

function optionsOf(config: NodeConfig, storage: Storage, trace: boolean): DynamoOptions {
  const { nodeId: self, nodeName: name, seed: seedNode, dynamo, clusterId, secret } = config;
  const { standInMs, giveUpMs, antiEntropyMs, maxDiskLagMs } = dynamo;
  const { storageId: disk } = storage.identity;
  return {
    ...DEFAULT_DYNAMO_OPTIONS,
    ...dynamo,
    ...{ self, name, trace, storage: disk, seedNode },
    ...{ seed: randomBytes(4).readUInt32BE(0), group: disk },
    founders: seedNode === undefined ? [{ id: self, name }] : [],
    metadataSecret: createHash('sha256')
      .update(secret ?? clusterId)
      .digest()
      .subarray(0, 16),
    standInMs: millis(standInMs),
    giveUpMs: millis(giveUpMs),
    antiEntropyMs: millis(antiEntropyMs),
    maxDiskLagMs: millis(maxDiskLagMs),
  };
}

/** How long the links to those who have left are kept: so long they may still want an answer. */
const GONE_MS = 10_000;

/** Lets the network know the members, and whom this node asks to come in; nobody else. */
export class KnownPeers {
  private table = -1;
  private seed: NodeId | undefined;
  private readonly known = new Set<NodeId>();
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(private readonly node: Pick<DynamoNode, 'core' | 'transport'>) {}

  /** Compares two numbers after each step; does something only when they have changed. */
  look(): void {
    const { table, seed } = this.node.core.inspect;
    if (table.digest === this.table && seed === this.seed) return;
    this.table = table.digest;
    this.seed = seed;
    const wanted = this.wanted();
    for (const id of wanted) this.add(id);
    for (const id of this.known) if (!wanted.has(id)) this.removeLater(id);
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private wanted(): Set<NodeId> {
    const { table, seed, self } = this.node.core.inspect;
    const members = table.all.filter(({ standing }) => standing !== 'left').map(({ id }) => id);
    return new Set([...members, ...(seed === undefined ? [] : [seed])].filter((id) => id !== self));
  }

  private add(id: NodeId): void {
    const address = parsePeerAddress(id);
    if (address === undefined) return;
    this.known.add(id);
    this.node.transport.addPeer(address);
  }

  private removeLater(id: NodeId): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (this.wanted().has(id)) return;
      this.known.delete(id);
      this.node.transport.removePeer(id);
    }, GONE_MS);
    this.timers.add(timer);
  }
}
