/** One node of the replicated log, put together: the pure core, a disk, a network, and the driver. */

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from '../config';
import { operatingError } from '../core/errors';
import { millis, NEVER, nodeId, type StorageId, storageId } from '../core/ids';
import { logCodec } from '../core/log/codec';
import {
  DEFAULT_LOG_OPTIONS,
  DEFAULT_MASTER_OPTIONS,
  DEFAULT_SECONDARY_OPTIONS,
  UNLIMITED,
} from '../core/log/defaults';
import type { LogMessage } from '../core/log/messages';
import type { LogOptions } from '../core/log/options';
import { recover } from '../core/log/recovery';
import { ReplicatedLog } from '../core/log/replicated_log';
import type { LogReply, LogRequest } from '../core/log/requests';
import { monotonicNow } from '../runtime/clock';
import { Driver } from '../runtime/driver';
import type { Log } from '../runtime/log';
import { PeerTransport } from '../runtime/peer_transport';
import { parsePeerUrl } from '../runtime/peer_url';
import { UrlPeers } from '../runtime/url_peers';
import { openDurableStorage } from '../storage/durable_storage';
import { nodeOfDisk } from '../storage/identity';
import { MemoryStorage } from '../storage/memory_storage';
import type { Storage } from '../storage/storage';
import { NamedTransport } from './named_transport';

export interface LogNode {
  readonly core: ReplicatedLog;
  readonly driver: Driver<LogMessage, LogRequest, LogReply>;
  readonly storage: Storage;
  readonly transport: PeerTransport<LogMessage>;
  readonly peers: UrlPeers;
}

export interface LogNodeHooks {
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** Recovers from the disk, and makes a node that has not started yet. Throws what the disk says. */
export function makeLogNode(config: NodeConfig, storage: Storage, hooks: LogNodeHooks): LogNode {
  const { nodeId: self, clusterId: cluster, storageId: disk } = storage.identity;
  const options = optionsOf(config, disk, hooks.onTrace !== undefined);
  const core = new ReplicatedLog(options, recover(storage.recovered, options), monotonicNow());
  const { log } = hooks;
  const transport = new PeerTransport<LogMessage>({
    ...{ self, cluster, peers: [], codec: logCodec(), log, storage: disk },
    publicUrl: config.publicUrl,
    // A node that is back: whoever of ours cannot be reached may be it, so all are asked at once.
    introduced: () => askMissing(config, peers, transport),
    ...(config.secret === undefined ? {} : { secret: config.secret }),
  });
  const named = new NamedTransport(transport);
  const peers = new UrlPeers({
    ...{ self, transport, log },
    found: ({ url }, id) => {
      if (id !== self) named.assign(nodeId(url), id);
    },
  });
  const driver = new Driver<LogMessage, LogRequest, LogReply>({
    ...{ protocol: core, storage, transport: named },
    stopped: { kind: 'failed', error: STOPPED },
    onFatal: hooks.onFatal,
    ...(hooks.onTrace === undefined ? {} : { onTrace: hooks.onTrace }),
  });
  return { core, driver, storage, transport, peers };
}

const STOPPED = operatingError(
  'stopped',
  'The node was stopped while the request was under way; it may have taken effect',
);

/** The URLs of the nodes that this one talks with. */
export const partnersOf = ({ messageLog: { master, secondaries } }: NodeConfig) =>
  master === undefined ? secondaries : [master];

/** Makes the others known, or asks again at once at those that are not connected. */
export function askMissing(
  config: NodeConfig,
  peers: UrlPeers,
  transport: Pick<PeerTransport<LogMessage>, 'connected'>,
): void {
  const ids = new Map(peers.known.map(({ url, id }) => [url, id]));
  for (const text of partnersOf(config)) {
    const id = ids.get(text);
    if (id !== undefined && transport.connected(id)) continue;
    const url = parsePeerUrl(text);
    if (!('problem' in url)) peers.add(url, { callMeBack: config.messageLog.master !== undefined });
  }
}

/**
 * The disk of a node. Whoever opens it closes it, unless a driver does. Nodes are named by their
 * disks: a wiped one is another node.
 */
export function openStorage({ clusterId, dataDir }: NodeConfig): Storage {
  if (dataDir === undefined) {
    const disk = drawStorageId();
    return new MemoryStorage({ nodeId: nodeOfDisk(disk), clusterId, storageId: disk });
  }
  return openDurableStorage({ folder: dataDir, clusterId, drawStorageId });
}

/** Never 0, which means "none". */
const drawStorageId = (): StorageId => storageId(randomBytes(6).readUIntBE(0, 6) || 1);

/** Pages of an answer are as large as what a connection takes at a time. */
const PAGE_MESSAGES = 1000;
const PAGE_BYTES = 256 * 1024;

function optionsOf(config: NodeConfig, storage: StorageId, trace: boolean): LogOptions {
  const { messageLog, maxBodyBytes } = config;
  const { master } = messageLog;
  return {
    ...DEFAULT_LOG_OPTIONS,
    ...{ self: nodeId(config.publicUrl), storage, trace },
    seed: randomBytes(4).readUInt32BE(0),
    allowClear: messageLog.allowClear,
    maxMessageBytes: maxBodyBytes,
    maxReadMessages: PAGE_MESSAGES,
    maxReadBytes: PAGE_BYTES,
    role: master === undefined ? masterOptions(config) : secondaryOptions(config, master),
  };
}

function masterOptions({ messageLog }: NodeConfig): LogOptions['role'] {
  const { secondaries, quorumAppend, suspectAfterMs, unhealthyAfterMs, existingLog } = messageLog;
  const { retainMessages, retainBytes, maxLogBytes, maxWaiting, maxCatchUpBytes } = messageLog;
  return {
    ...DEFAULT_MASTER_OPTIONS,
    ...{ kind: 'master', quorumAppend, maxLogBytes, maxWaiting, maxCatchUpBytes },
    secondaries: secondaries.map(nodeId),
    beginAfterMs: existingLog ? NEVER : millis(unhealthyAfterMs),
    // Three in a row must be lost before anybody is suspected.
    heartbeatMs: millis(Math.min(DEFAULT_MASTER_OPTIONS.heartbeatMs, suspectAfterMs / 3)),
    suspectAfterMs: millis(suspectAfterMs),
    unhealthyAfterMs: millis(unhealthyAfterMs),
    retainMessages: retainMessages === 0 ? UNLIMITED : retainMessages,
    retainBytes: retainBytes === 0 ? UNLIMITED : retainBytes,
  };
}

function secondaryOptions({ messageLog }: NodeConfig, master: string): LogOptions['role'] {
  const { maxLogBytes, delayMs, errorRate, errorWhen } = messageLog;
  return {
    ...DEFAULT_SECONDARY_OPTIONS,
    ...{ kind: 'secondary', master: nodeId(master), maxLogBytes },
    trouble: {
      delayMs: millis(delayMs),
      errorsPerThousand: Math.round(errorRate * 1000),
      errorWhen,
    },
  };
}
