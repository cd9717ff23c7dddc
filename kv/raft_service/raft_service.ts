/**
 * The key/value service on Raft: requests of clients in the words of `service.ts`, carried to the
 * node and back, counted, and reported on.
 */

import type { NodeConfig } from '../config';
import { invariant } from '../core/assert';
import type { Answer, ByteString, Command, Query } from '../core/command';
import { operatingError } from '../core/errors';
import { logIndex, millis } from '../core/ids';
import { decodeResult, encodeCommand } from '../core/machine/command_codec';
import { KeyValue, type KeyValueStats } from '../core/machine/key_value';
import type { RaftReply, RaftRequest, ServedFrom } from '../core/raft/requests';
import { type Log, QUIET } from '../runtime/log';
import { LoopLag } from '../runtime/loop_lag';
import { makeOnDisk } from '../runtime/make_on_disk';
import { Metrics, type Readings } from '../runtime/metrics';
import { throwLater } from '../runtime/throw_later';
import type {
  KeyValueService,
  Readiness,
  ReadOptions,
  ReadReply,
  Served,
  WriteOptions,
  WriteReply,
} from '../service';
import type { Storage } from '../storage/storage';
import { VERSION } from '../version';
import { OperatorLog } from './operator_log';
import { makeRaftNode, openStorage, type RaftNode } from './raft_node';
import { readinessOf } from './readiness';
import { statusReport } from './status_report';

export interface ServiceHooks {
  readonly log: Log | undefined;
  /**
   * The node found that it cannot go on (a failed disk, a broken invariant) and has stopped.
   * Without it the error is thrown, which ends the process.
   */
  readonly onFatal: ((error: Error) => void) | undefined;
  /** Hears every line of the protocol's trace. */
  readonly onTrace: ((line: string) => void) | undefined;
  /** Report the metrics of the process too: for a process that runs one node. */
  readonly ofProcess: boolean | undefined;
}

/** How often a closing node looks whether its requests have been answered, in milliseconds. */
const DRAIN_POLL_MS = 10;

export class RaftService implements KeyValueService {
  private readonly node: RaftNode;
  private readonly metricsOf: Metrics;
  private readonly lag: LoopLag;
  private readonly startedAt: number;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly config: NodeConfig,
    storage: Storage,
    hooks: ServiceHooks,
  ) {
    const log = hooks.log ?? QUIET;
    const onFatal = hooks.onFatal ?? throwLater;
    this.node = makeRaftNode(config, storage, {
      log,
      onStep: () => operatorLog.look(),
      onFatal: (error) => {
        this.lag.stop();
        onFatal(error);
      },
      onTrace: hooks.onTrace,
    });
    const operatorLog = new OperatorLog(this.node.raft, log);
    this.startedAt = this.node.driver.now();
    this.metricsOf = new Metrics({
      read: () => this.readings(),
      ofProcess: hooks.ofProcess ?? false,
    });
    operatorLog.started();
    // Recovery reads the disk without pause; only from here on does anybody wait for the loop.
    this.lag = new LoopLag();
  }

  static async open(config: NodeConfig, hooks: ServiceHooks): Promise<RaftService> {
    const storage = openStorage(config);
    const service = await makeOnDisk(storage, () => new RaftService(config, storage, hooks));
    try {
      await service.node.driver.start();
    } catch (error) {
      service.lag.stop();
      await service.node.driver.stop();
      throw error;
    }
    return service;
  }

  write(command: Command, options: WriteOptions, done: (reply: WriteReply) => void): void {
    const { driver } = this.node;
    const start = driver.now();
    if (this.closing !== undefined) return void setImmediate(done, { ok: false, error: STOPPING });
    const request: RaftRequest<Query> = {
      kind: 'write',
      command: encodeCommand(command),
      idempotencyKey: options.idempotencyKey,
      deadline: millis(start + (options.timeoutMs ?? this.config.requestTimeoutMs)),
    };
    driver.submit(request, (reply) => {
      const answer = this.writeReply(reply);
      const outcome = answer.ok ? answer.result : answer.error.code;
      this.metricsOf.observe(command.kind, outcome, driver.now() - start);
      done(answer);
    });
  }

  read(key: ByteString, options: ReadOptions, done: (reply: ReadReply) => void): void {
    const { driver } = this.node;
    const start = driver.now();
    if (this.closing !== undefined) return void setImmediate(done, { ok: false, error: STOPPING });
    const { maxStalenessMs, minIndex } = options;
    const request: RaftRequest<Query> = {
      kind: 'read',
      level: options.level ?? 'linearizable',
      query: { key },
      maxStaleness: maxStalenessMs === undefined ? undefined : millis(maxStalenessMs),
      minIndex: minIndex === undefined ? undefined : logIndex(minIndex),
      deadline: millis(start + (options.timeoutMs ?? this.config.requestTimeoutMs)),
    };
    driver.submit(request, (reply) => {
      const answer = this.readReply(reply);
      const found = answer.ok && answer.answer === undefined ? 'not_found' : 'ok';
      this.metricsOf.observe('get', answer.ok ? found : answer.error.code, driver.now() - start);
      done(answer);
    });
  }

  status(): Readonly<Record<string, unknown>> {
    const { raft, storage, driver } = this.node;
    const { machine } = raft.inspect;
    const sessions = machine.stats();
    const data = this.data();
    return statusReport({
      raft: raft.status(),
      storage: storage.stats(),
      clusterId: storage.identity.clusterId,
      version: VERSION,
      dataDir: this.config.dataDir,
      uptimeMs: driver.now() - this.startedAt,
      rssBytes: process.memoryUsage.rss(),
      keys: data.keys,
      dataBytes: data.bytes,
      sessions: sessions.sessions,
      idempotencyKeys: sessions.keys,
      loopLagMaxMs: this.lag.maxSinceStartMs,
    });
  }

  readiness(): Readiness {
    if (this.closing !== undefined) return { ready: false, reason: 'the node is stopping' };
    return readinessOf(this.node.raft.status(), this.config.raft.electionTimeoutMaxMs);
  }

  metrics(): Promise<{ readonly contentType: string; readonly text: string }> {
    return this.metricsOf.scrape();
  }

  /** Answers what is under way, hands the leadership over, then stops; always the same promise. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { driver } = this.node;
    const { shutdownTimeoutMs, raft } = this.config;
    const deadline = driver.now() + shutdownTimeoutMs;
    // A request that nothing can answer must not use up the time in which the leadership goes over.
    await this.drained(deadline - Math.min(raft.electionTimeoutMaxMs, shutdownTimeoutMs / 2));
    await new Promise<void>((resolve) => {
      driver.submit({ kind: 'transfer_leadership', deadline: millis(deadline) }, () => resolve());
    });
    this.lag.stop();
    await driver.stop();
  }

  private async drained(deadline: number): Promise<void> {
    const { driver } = this.node;
    while (driver.pending > 0 && driver.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  private writeReply(reply: RaftReply<Answer>): WriteReply {
    if (reply.kind === 'written') {
      return { ok: true, result: decodeResult(reply.result), served: this.served(reply.served) };
    }
    return { ok: false, error: failure(reply) };
  }

  private readReply(reply: RaftReply<Answer>): ReadReply {
    if (reply.kind === 'answer') {
      return { ok: true, answer: reply.answer, served: this.served(reply.served) };
    }
    return { ok: false, error: failure(reply) };
  }

  private served({ index, term, leader, age }: ServedFrom): Served {
    return { index, term, node: this.config.nodeId, leader: leader ?? '', ageMs: age };
  }

  /** The size of the map that is in use now: an installed snapshot brings another one. */
  private data(): KeyValueStats {
    const { machine } = this.node.raft.inspect.machine;
    invariant(machine instanceof KeyValue, 'the node replicates a key/value map', {});
    return machine.stats();
  }

  private readings(): Readings {
    const status = this.node.raft.status();
    const storage = this.node.storage.stats();
    const { machine } = this.node.raft.inspect;
    const sessions = machine.stats();
    return {
      role: status.role === 'leader' ? 2 : status.role === 'follower' ? 0 : 1,
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      logEntries: status.logEntries,
      journalBytes: storage.journalBytes,
      snapshotBytes: status.snapshotBytes,
      peersConnected: status.peers.filter((peer) => peer.connected).length,
      sessions: sessions.sessions + sessions.keys,
      keys: this.data().keys,
      pendingRequests: status.pendingRequests,
      loopLagMs: this.lag.takeMaxMs(),
      fsyncs: storage.fsyncCount,
      lastFsyncMs: storage.lastFsyncMs,
    };
  }
}

const STOPPING = operatingError('stopping', 'The node is shutting down; ask another one');

function failure(reply: RaftReply<Answer>) {
  if (reply.kind === 'failed') return reply.error;
  // Each kind of request has its kind of reply; another one is a bug of the core.
  throw new Error(`a reply of the wrong kind: ${reply.kind}`);
}
