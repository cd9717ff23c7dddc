/** The leaderless service: requests in the words of `service.ts`, carried to the node and back. */

import type { NodeConfig } from '../config';
import type { ByteString } from '../core/command';
import type { DynamoReply, DynamoRequest } from '../core/dynamo/requests';
import { type OperatingError, operatingError } from '../core/errors';
import { millis, nodeId } from '../core/ids';
import { type Log, QUIET } from '../runtime/log';
import { makeOnDisk } from '../runtime/make_on_disk';
import { parsePeerAddress } from '../runtime/peer_options';
import type { LeaderlessService, PutReply, Readiness, VersionPut, VersionsReply } from '../service';
import type { Storage } from '../storage/storage';
import { VERSION } from '../version';
import { type DynamoNode, KnownPeers, makeDynamoNode, openStorage } from './dynamo_node';
import { metricsText, statusReport } from './reports';

export interface DynamoServiceHooks {
  readonly log?: Log | undefined;
  readonly onFatal: (error: Error) => void;
  readonly onTrace?: ((line: string) => void) | undefined;
}

const DRAIN_POLL_MS = 10;
const USUAL_QUORUM = 2;

export class DynamoService implements LeaderlessService {
  private readonly node: DynamoNode;
  private readonly peers: KnownPeers;
  private readonly startedAt: number;
  private readonly requests = { get: 0, put: 0, failed: 0 };
  private standing = '';
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly config: NodeConfig,
    storage: Storage,
    private readonly hooks: DynamoServiceHooks,
  ) {
    this.node = makeDynamoNode(config, storage, {
      log: hooks.log ?? QUIET,
      onFatal: hooks.onFatal,
      onStep: () => this.look(),
      onTrace: hooks.onTrace,
    });
    this.peers = new KnownPeers(this.node);
    this.startedAt = this.node.driver.now();
    this.look();
  }

  /** Rejects, or throws, what is wrong with the folder or the peer address. */
  static async open(config: NodeConfig, hooks: DynamoServiceHooks): Promise<DynamoService> {
    const storage = openStorage(config);
    const service = await makeOnDisk(storage, () => new DynamoService(config, storage, hooks));
    try {
      await service.node.driver.start();
    } catch (error) {
      service.peers.stop();
      await service.node.driver.stop();
      throw error;
    }
    return service;
  }

  get(key: ByteString, quorum: number | undefined, done: (reply: VersionsReply) => void): void {
    this.requests.get++;
    const wish = { quorum: this.quorum(quorum), deadline: this.deadline() };
    this.submit({ kind: 'get', key, ...wish }, (reply) => {
      const { kind } = reply;
      if (kind === 'values') done({ ok: true, values: reply.values, metadata: reply.metadata });
      else done({ ok: false, error: this.failure(reply) });
    });
  }

  put(key: ByteString, { value, quorum, metadata }: VersionPut, done: (r: PutReply) => void): void {
    this.requests.put++;
    const wish = { quorum: this.quorum(quorum), deadline: this.deadline() };
    this.submit({ kind: 'put', key, value, metadata, ...wish }, (reply) => {
      if (reply.kind === 'written') done({ ok: true, metadata: reply.metadata });
      else done({ ok: false, error: this.failure(reply) });
    });
  }

  join(seed: string, done: (error: OperatingError | undefined) => void): void {
    const address = parsePeerAddress(seed.toLowerCase());
    if (address === undefined) {
      const why = 'The seed must be host:port, like 127.0.0.1:9701';
      return void setImmediate(done, operatingError('membership_not_possible', why));
    }
    this.change({ kind: 'join', seed: nodeId(address.id) }, done);
  }

  leave(done: (error: OperatingError | undefined) => void): void {
    this.change({ kind: 'leave' }, done);
  }

  lookup(key: ByteString): readonly (readonly [name: string, address: string])[] {
    return this.node.core.lookUp(key);
  }

  members(): readonly string[] {
    return this.node.core.aliveMembers();
  }

  records(): number {
    return this.node.core.inspect.store.size;
  }

  status(): Readonly<Record<string, unknown>> {
    const { core, storage, driver, transport } = this.node;
    return statusReport({
      core: core.status(),
      storage: storage.stats(),
      peers: transport.stats(),
      version: VERSION,
      dataDir: this.config.dataDir,
      uptimeMs: driver.now() - this.startedAt,
    });
  }

  readiness(): Readiness {
    if (this.closing !== undefined) return { ready: false, reason: 'the node is stopping' };
    const { isServing } = this.node.core.inspect;
    const { standing } = this.node.core.status();
    const reason = isServing ? 'ready' : `the node is in no group (${standing})`;
    return { ready: isServing, reason };
  }

  metrics(): { readonly contentType: string; readonly text: string } {
    const { core, storage } = this.node;
    return metricsText(core.status(), storage.stats(), this.requests);
  }

  /** Answers what is under way, then stops. Hints stay on the disk. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { driver } = this.node;
    const deadline = driver.now() + this.config.shutdownTimeoutMs;
    while (driver.pending > 0 && driver.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    this.peers.stop();
    await driver.stop();
  }

  private change(request: DynamoRequest, done: (error: OperatingError | undefined) => void): void {
    this.submit(request, (reply) => {
      done(reply.kind === 'accepted' ? undefined : this.failure(reply));
    });
  }

  private submit(request: DynamoRequest, done: (reply: DynamoReply) => void): void {
    if (this.closing !== undefined) {
      return void setImmediate(done, { kind: 'failed', error: STOPPING });
    }
    this.node.driver.submit(request, done);
  }

  private quorum(given: number | undefined): number {
    return given ?? Math.min(USUAL_QUORUM, this.config.dynamo.replicas);
  }

  private deadline() {
    return millis(this.node.driver.now() + this.config.requestTimeoutMs);
  }

  private failure(reply: DynamoReply): OperatingError {
    this.requests.failed++;
    return reply.kind === 'failed' ? reply.error : STOPPING;
  }

  /** After each step: the network must know whom the core knows, the operator what has changed. */
  private look(): void {
    this.peers.look();
    const { standing = '', seed } = this.node.core.inspect;
    if (standing === this.standing) return;
    this.standing = standing;
    const asked = seed === undefined ? '' : `, and asks ${seed}`;
    this.hooks.log?.info(`is ${standing === '' ? 'in no group' : standing}${asked}`);
  }
}

const STOPPING = operatingError(
  'stopping',
  'The node is shutting down; send the request to another node.',
);
