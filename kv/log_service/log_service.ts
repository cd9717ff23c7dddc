/** The replicated log as a service: requests in the words of `service.ts`, to the node and back. */

import type { Server } from 'node:http';
import type { NodeConfig } from '../config';
import { type OperatingError, operatingError } from '../core/errors';
import { type Millis, millis, NEVER, type RequestId } from '../core/ids';
import type { LogReply, LogRequest, Message } from '../core/log/requests';
import { type Log, QUIET } from '../runtime/log';
import { makeOnDisk } from '../runtime/make_on_disk';
import type {
  AppendReply,
  FollowOptions,
  LogMessage,
  LogService,
  NewMessage,
  PageReply,
  Readiness,
  Waiting,
} from '../service';
import type { Storage } from '../storage/storage';
import { askMissing, type LogNode, makeLogNode, openStorage } from './log_node';
import { HEALTH_NAMES, HealthLog, metricsText, type RequestCounts, statusReport } from './reports';

export interface LogServiceHooks {
  readonly log?: Log | undefined;
  readonly onFatal: (error: Error) => void;
  readonly onTrace?: ((line: string) => void) | undefined;
}

const DRAIN_POLL_MS = 10;
/** How often it is looked whether an operator should be told something. */
const LOOK_MS = 250;

export class ReplicatedLogService implements LogService {
  readonly isMaster: boolean;
  readonly copies: number;
  private readonly node: LogNode;
  private readonly startedAt: number;
  private readonly counts: RequestCounts = {
    appended: 0,
    repeated: 0,
    late: 0,
    failed: 0,
    read: 0,
  };
  private readonly healthLog: HealthLog;
  private readonly looking: NodeJS.Timeout;
  /** Appends that have not been answered. */
  private readonly waiting = new Set<RequestId>();
  /** Readers that wait for more: they are let go at the end. */
  private readonly followers = new Set<() => void>();
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly config: NodeConfig,
    storage: Storage,
    hooks: LogServiceHooks,
  ) {
    const { log = QUIET, onFatal, onTrace } = hooks;
    this.isMaster = config.messageLog.master === undefined;
    this.copies = 1 + config.messageLog.secondaries.length;
    this.healthLog = new HealthLog(log);
    this.node = makeLogNode(config, storage, { log, onFatal, onTrace });
    this.startedAt = this.node.driver.now();
    this.looking = setInterval(() => this.healthLog.look(this.node.core.status()), LOOK_MS);
  }

  /** Rejects, or throws, what is wrong with the folder. */
  static async open(config: NodeConfig, hooks: LogServiceHooks): Promise<ReplicatedLogService> {
    const storage = openStorage(config);
    const service = await makeOnDisk(
      storage,
      () => new ReplicatedLogService(config, storage, hooks),
    );
    await service.node.driver.start();
    return service;
  }

  /** The others come to the port that clients use; once it is open, this node looks for them. */
  attach(server: Server): void {
    const { transport, peers } = this.node;
    transport.attach(server);
    server.once('listening', () => askMissing(this.config, peers, transport));
  }

  append({ text, id, w, timeoutMs }: NewMessage, done: (reply: AppendReply) => void): Waiting {
    let isWanted = true;
    const deadline = timeoutMs === undefined ? NEVER : this.after(timeoutMs);
    const request = this.submit(
      { kind: 'append', body: bytesOf(text), id, w, deadline },
      (reply) => {
        if (request !== undefined) this.waiting.delete(request);
        const answer = this.appendReply(reply);
        if (isWanted) done(answer);
      },
    );
    if (request !== undefined) this.waiting.add(request);
    return {
      forget: () => {
        isWanted = false;
        if (request !== undefined) this.giveUp(request);
      },
    };
  }

  replicate(
    { id, text, order }: LogMessage,
    done: (error: OperatingError | undefined) => void,
  ): void {
    const message: Message = { id, body: bytesOf(text), order };
    this.submit({ kind: 'replicate', message }, (reply) => {
      done(reply.kind === 'replicated' ? undefined : this.failure(reply));
    });
  }

  clear(done: (error: OperatingError | undefined) => void): void {
    const deadline = this.after(this.config.requestTimeoutMs);
    this.submit({ kind: 'clear', deadline }, (reply) => {
      done(reply.kind === 'cleared' ? undefined : this.failure(reply));
    });
  }

  read(from: number | undefined, limit: number, done: (reply: PageReply) => void): void {
    this.counts.read++;
    this.submit({ kind: 'read', from, limit }, (reply) => done(this.page(reply)));
  }

  follow(
    from: number,
    { limit, log, patienceMs }: FollowOptions,
    done: (reply: PageReply) => void,
  ): void {
    let isOpen = true;
    const answer = (reply: PageReply): void => {
      this.followers.delete(letGo);
      if (isOpen) done(reply);
      isOpen = false;
    };
    const letGo = (): void => answer({ ok: false, error: STOPPING });
    this.followers.add(letGo);
    const deadline = this.after(patienceMs);
    this.submit({ kind: 'follow', from, limit, log, deadline }, (r) => answer(this.page(r)));
  }

  secondaries(): ReturnType<LogService['secondaries']> {
    const { role } = this.node.core.status();
    const all = role.kind === 'master' ? role.secondaries : [];
    return Object.fromEntries(all.map(({ id, health }) => [id, HEALTH_NAMES[health]]));
  }

  status(): Readonly<Record<string, unknown>> {
    const { core, storage, driver, transport } = this.node;
    return statusReport({
      ...{ core: core.status(), storage, links: transport.stats() },
      ...{ config: this.config, counts: this.counts },
      uptimeMs: driver.now() - this.startedAt,
    });
  }

  /** A master serves by itself, whoever is away; a secondary shows what it has. */
  readiness(): Readiness {
    if (this.closing !== undefined) return { ready: false, reason: 'the node is stopping' };
    const { role } = this.node.core.status();
    const problem = role.kind === 'master' ? role.notWritable : role.problem;
    if (problem !== undefined) return { ready: false, reason: problem };
    return { ready: true, reason: 'ready' };
  }

  metrics(): { readonly contentType: string; readonly text: string } {
    const { core, storage } = this.node;
    return metricsText(core.status(), storage.stats(), this.counts);
  }

  /** Answers what is under way, honestly where it waits for copies, then stops. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { driver, peers } = this.node;
    for (const request of this.waiting) this.giveUp(request);
    for (const letGo of [...this.followers]) letGo();
    const deadline = driver.now() + this.config.shutdownTimeoutMs;
    while (this.waiting.size > 0 && driver.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    clearInterval(this.looking);
    peers.stop();
    await driver.stop();
  }

  private giveUp(append: RequestId): void {
    this.node.driver.submit({ kind: 'give_up', append }, () => undefined);
  }

  private submit(request: LogRequest, done: (reply: LogReply) => void): RequestId | undefined {
    if (this.closing === undefined) return this.node.driver.submit(request, done);
    setImmediate(done, { kind: 'failed', error: STOPPING });
    return undefined;
  }

  private after(ms: number): Millis {
    return millis(this.node.driver.now() + ms);
  }

  private appendReply(reply: LogReply): AppendReply {
    if (reply.kind === 'appended') {
      const { isNew, id, order } = reply;
      this.counts[isNew ? 'appended' : 'repeated']++;
      return { ok: true, isNew, id, order };
    }
    if (reply.kind !== 'late') return { ok: false, error: this.failure(reply) };
    this.counts.late++;
    const { id, order, copies, w, error } = reply;
    const numbers = { message_id: id, order, copies, w };
    return { ok: false, error: operatingError('timeout', error.message, numbers) };
  }

  private page(reply: LogReply): PageReply {
    if (reply.kind !== 'messages') return { ok: false, error: this.failure(reply) };
    const { messages, next, end, log } = reply;
    return { ok: true, messages: messages.map(shown), next, end, log };
  }

  private failure(reply: LogReply): OperatingError {
    this.counts.failed++;
    return reply.kind === 'failed' ? reply.error : STOPPING;
  }
}

const STOPPING = operatingError(
  'stopping',
  'The node is shutting down; send the request again once it is back.',
);

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8');

function shown({ id, body, order }: Message): LogMessage {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return { id, text, order };
}
