/** A convergent replica as a service: requests in the words of `service.ts`, carried to the node and back. */

import type { Server } from 'node:http';
import type { NodeConfig } from '../config';
import type { ByteString } from '../core/command';
import type { ConvergentReply, ConvergentRequest } from '../core/convergent/requests';
import type { Peer } from '../core/convergent/status';
import { type OperatingError, operatingError } from '../core/errors';
import { type Millis, millis, type NodeId, nodeId } from '../core/ids';
import { type Log, QUIET } from '../runtime/log';
import { makeOnDisk } from '../runtime/make_on_disk';
import { parsePeerUrl } from '../runtime/peer_url';
import type {
  Readiness,
  ReplicaService,
  ReplicaUpdate,
  StateDigest,
  StateReply,
  UpdateReply,
  ViewReply,
} from '../service';
import type { Storage } from '../storage/storage';
import { VERSION } from '../version';
import { type ConvergentNode, makeConvergentNode, openStorage, wallNow } from './convergent_node';
import { KnownReplicas } from './known_replicas';
import { metricsText, statusReport } from './reports';
import { WantedUrls } from './wanted_urls';

export interface ConvergentServiceHooks {
  readonly log?: Log | undefined;
  readonly onFatal: (error: Error) => void;
  readonly onTrace?: ((line: string) => void) | undefined;
}

type Done = (error: OperatingError | undefined) => void;

const DRAIN_POLL_MS = 10;
/** How often a node without requests reads its wall clock. */
const CLOCK_MS = 60_000;

export class ConvergentService implements ReplicaService {
  readonly replicaId: string;
  private readonly node: ConvergentNode;
  private readonly replicas: KnownReplicas;
  private readonly startedAt: number;
  /** The peers of the core, made anew only when they may have changed. */
  private entries: readonly Peer[] = [];
  private entriesOf: unknown;
  private readonly requests = { reads: 0, updates: 0, failed: 0 };
  private clock: NodeJS.Timeout | undefined;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly config: NodeConfig,
    storage: Storage,
    hooks: ConvergentServiceHooks,
  ) {
    const log = hooks.log ?? QUIET;
    const wanted = new WantedUrls(config.dataDir);
    this.node = makeConvergentNode(config, storage, {
      log,
      onFatal: hooks.onFatal,
      onStep: () => this.replicas.look(),
      onTrace: hooks.onTrace,
      introduced: (peer, id) => this.replicas.introduced(peer, id),
    });
    const { driver, transport } = this.node;
    this.replicaId = storage.identity.nodeId;
    this.startedAt = driver.now();
    this.replicas = new KnownReplicas({
      self: storage.identity.nodeId,
      transport,
      log,
      wanted,
      entries: () => this.peers(),
      register: (peer, address, done) => this.tellRegistered(peer, address, done, log),
      unregister: (peer) => this.submit(this.unregistration(peer), () => undefined),
    });
    log.info('is a convergent replica', { replica: this.replicaId, url: config.publicUrl });
  }

  /** Rejects, or throws, what is wrong with the folder. Peers come to the server of `attach`. */
  static async open(config: NodeConfig, hooks: ConvergentServiceHooks): Promise<ConvergentService> {
    const storage = openStorage(config);
    const service = await makeOnDisk(storage, () => new ConvergentService(config, storage, hooks));
    try {
      await service.node.driver.start();
    } catch (error) {
      await service.node.driver.stop();
      throw error;
    }
    return service;
  }

  /** Lets peers in at this server, which does not listen yet, and begins to look for them. */
  attach(server: Server): void {
    this.node.transport.attach(server);
    this.replicas.start(this.config.peers);
    this.clock = setInterval(() => {
      this.submit({ kind: 'clock', wall: wallNow() }, () => undefined);
    }, CLOCK_MS);
  }

  update({ changes, returnsState }: ReplicaUpdate, done: (reply: UpdateReply) => void): void {
    this.requests.updates++;
    const wish = { wall: wallNow(), deadline: this.deadline() };
    this.submit({ kind: 'update', changes, returnsState, ...wish }, (reply) => {
      if (reply.kind !== 'updated') return done({ ok: false, error: this.failure(reply) });
      done({ ok: true, existed: reply.existed, state: reply.state ?? [] });
    });
  }

  get(key: ByteString, done: (reply: ViewReply) => void): void {
    this.requests.reads++;
    this.submit({ kind: 'get', key, deadline: this.deadline() }, (reply) => {
      if (reply.kind === 'value') done({ ok: true, view: reply.view });
      else done({ ok: false, error: this.failure(reply) });
    });
  }

  state(done: (reply: StateReply) => void): void {
    this.requests.reads++;
    this.submit({ kind: 'state', deadline: this.deadline() }, (reply) => {
      if (reply.kind === 'state') done({ ok: true, state: reply.state });
      else done({ ok: false, error: this.failure(reply) });
    });
  }

  /** The answer does not wait for the peer: it may be down, or swallow every packet. */
  register(url: string, done: Done): void {
    const answer = (error?: OperatingError): void => void setImmediate(done, error);
    if (this.closing !== undefined) return answer(STOPPING);
    const peer = parsePeerUrl(url);
    if ('problem' in peer) {
      const why = `The URL is none that a peer can have: ${peer.problem}`;
      return answer(operatingError('peer_url_not_valid', why));
    }
    if (peer.url === this.config.publicUrl) {
      const why = 'The URL is that of this replica itself';
      return answer(operatingError('peer_not_possible', why));
    }
    const { maxPeers: limit } = this.config.convergent;
    if (this.replicas.count >= limit && !this.replicas.has(peer.url)) {
      const why = 'There are as many peers as are allowed; unregister one first';
      return answer(operatingError('peer_not_possible', why, { limit }));
    }
    const known = this.replicas.want(peer);
    if (known === undefined) return answer();
    this.submit(this.registration(known, peer.url, true), (reply) => {
      done(reply.kind === 'done' ? undefined : this.failure(reply));
    });
  }

  unregister(urlOrId: string, done: Done): void {
    const peer = parsePeerUrl(urlOrId);
    const url = 'problem' in peer ? undefined : peer.url;
    const wasWanted = url !== undefined && this.replicas.giveUp(url);
    const id = url === undefined ? urlOrId : this.replicas.idAt(url);
    const isPeer = this.peers().some(({ node }) => node === id);
    // Who was wanted may have been found, and be on the way into the core: this comes after it.
    if (id !== undefined && (isPeer || wasWanted)) {
      this.submit(this.unregistration(nodeId(id)), (reply) => {
        done(reply.kind === 'done' ? undefined : this.failure(reply));
      });
    } else if (wasWanted) setImmediate(done, undefined);
    else setImmediate(done, operatingError('peer_not_known', 'There is no such peer'));
  }

  digest(): StateDigest {
    const { digest, keys } = this.node.core.status();
    return { digest, keys };
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
    const isStopping = this.closing !== undefined;
    return { ready: !isStopping, reason: isStopping ? 'the node is stopping' : 'ready' };
  }

  metrics(): { readonly contentType: string; readonly text: string } {
    const { core, storage, transport } = this.node;
    return metricsText(core.status(), storage.stats(), transport.stats(), this.requests);
  }

  /** Answers what is under way, then stops. */
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
    clearInterval(this.clock);
    this.replicas.stop();
    await driver.stop();
  }

  private peers(): readonly Peer[] {
    const { core } = this.node;
    const { registered } = core.inspect.peers;
    if (registered !== this.entriesOf) this.entries = core.peers();
    this.entriesOf = registered;
    return this.entries;
  }

  private tellRegistered(
    peer: NodeId,
    address: string,
    done: (isDone: boolean) => void,
    log: Log,
  ): void {
    this.submit(this.registration(peer, address, false), (reply) => {
      if (reply.kind === 'done') return done(true);
      const { code, message: reason } = this.failure(reply);
      log.warn('a peer was found and cannot be registered', { peer, url: address, reason });
      // That there are too many peers time alone does not change.
      if (code !== 'peer_not_possible') done(false);
    });
  }

  private registration(peer: NodeId, address: string, renews: boolean): ConvergentRequest {
    const wish = { wall: wallNow(), deadline: this.deadline() };
    return { kind: 'register', peer, address, renews, ...wish };
  }

  private unregistration(peer: NodeId): ConvergentRequest {
    return { kind: 'unregister', peer, wall: wallNow(), deadline: this.deadline() };
  }

  private submit(request: ConvergentRequest, done: (reply: ConvergentReply) => void): void {
    if (this.closing !== undefined) {
      return void setImmediate(done, { kind: 'failed', error: STOPPING });
    }
    this.node.driver.submit(request, done);
  }

  private deadline(): Millis {
    return millis(this.node.driver.now() + this.config.requestTimeoutMs);
  }

  private failure(reply: ConvergentReply): OperatingError {
    this.requests.failed++;
    return reply.kind === 'failed' ? reply.error : STOPPING;
  }
}

const STOPPING = operatingError(
  'stopping',
  'The node is shutting down; send the request to another node.',
);
