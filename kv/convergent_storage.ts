/**
 * ConvergentStorage: one convergent replica, to be embedded in a program.
 *
 *     const replica = await ConvergentStorage.open({ httpPort: 8001, dataDir: '…' });
 *     await replica.put('pets', ['cat']);
 *     await replica.get('pets');     // ['cat']
 *     await replica.register('http://localhost:8002');
 *     await replica.close();
 *
 * Peers come to `httpPort`, where nobody else is served: replicas that are embedded and replicas of
 * `--protocol convergent` may be peers of each other. Every call is answered by this replica alone.
 */

import { createServer, type Server } from 'node:http';
import { type ConfigOptions, configFrom, type NodeConfig } from './config';
import {
  ConvergentService,
  type ConvergentServiceHooks,
} from './convergent_service/convergent_service';
import type { OperatingError } from './core/errors';
import {
  byteString,
  ConfigError,
  checkKey,
  type Json,
  jsonBytes,
  jsonValue,
  KVError,
} from './embedding';
import { throwLater } from './runtime/throw_later';
import type { KeyChange, KeyView, Readiness, StateDigest } from './service';

/** The configuration, but for what belongs to other protocols, and hooks of the program. */
export type ConvergentStorageOptions = Omit<
  ConfigOptions,
  'nodeId' | 'protocol' | 'partners' | 'raft' | 'dynamo' | 'seed' | 'nodeName' | 'messageLog'
> &
  Partial<ConvergentServiceHooks>;

/** What becomes of a key. A key gets its type with its first change, and loses it when deleted. */
export type KeyUpdate =
  /** `assign`: in the place of all values that this replica holds, but of no concurrent one. */
  | { readonly kind: 'put' | 'append' | 'assign'; readonly value: Json }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment'; readonly by: number }
  | { readonly kind: 'add' | 'remove'; readonly elements: readonly Json[] };

export class ConvergentStorage {
  private constructor(
    private readonly service: ConvergentService,
    private readonly server: Server,
    readonly config: NodeConfig,
  ) {}

  /**
   * Opens the data folder and the port, and looks for its peers: those of `peers`, and all that it
   * knew before. Without a `dataDir` everything is in memory. Rejects with `ConfigError`, or with an
   * error that says what is wrong with the folder or the port.
   */
  static async open(options: ConvergentStorageOptions): Promise<ConvergentStorage> {
    const { log, onFatal, onTrace, ...rest } = options;
    const result = configFrom({ ...rest, nodeId: '', protocol: 'convergent' });
    if ('problems' in result) {
      throw new ConfigError(result.problems.map((problem) => problem.message).join('; '));
    }
    const { config } = result;
    const hooks = { log, onTrace, onFatal: onFatal ?? throwLater };
    const service = await ConvergentService.open(config, hooks);
    const server = createServer((_, response) => {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('only peers are served here\n');
    });
    service.attach(server);
    try {
      await listen(server, config);
    } catch (error) {
      await service.close();
      throw error;
    }
    return new ConvergentStorage(service, server, config);
  }

  /** The identity of this replica, for as long as it has its disk. */
  get replicaId(): string {
    return this.service.replicaId;
  }

  /** The last value by the clock's order wins over all others, on all replicas. */
  async put(key: string, value: Json): Promise<void> {
    await this.update({ [key]: { kind: 'put', value } });
  }

  /** Whether the key was there. */
  async delete(key: string): Promise<boolean> {
    const existed = await this.update({ [key]: { kind: 'delete' } });
    return existed.has(key);
  }

  /**
   * All changes or none: they become visible together, on every replica. Resolves, once this
   * replica's disk has them, to the keys that were there before.
   */
  update(changes: Readonly<Record<string, KeyUpdate>>): Promise<ReadonlySet<string>> {
    return new Promise((resolve, reject) => {
      const keys = Object.keys(changes);
      const list = Object.values(changes).map((change, i) => {
        return { key: this.keyOf(keys[i] as string), change: bytesOf(change) };
      });
      this.service.update({ changes: list, returnsState: false }, (reply) => {
        if (reply.ok) resolve(new Set(keys.filter((_, i) => reply.existed[i])));
        else reject(new KVError(reply.error));
      });
    });
  }

  /**
   * A value, the sum of a counter, the list of a set's elements or of a register's concurrent values;
   * undefined if the key is absent.
   */
  get(key: string): Promise<Json | undefined> {
    return new Promise((resolve, reject) => {
      this.service.get(this.keyOf(key), (reply) => {
        if (!reply.ok) return reject(new KVError(reply.error));
        resolve(reply.view && jsonOf(reply.view));
      });
    });
  }

  /** The whole map, as it was at one moment. */
  state(): Promise<ReadonlyMap<string, Json>> {
    return new Promise((resolve, reject) => {
      this.service.state((reply) => {
        if (!reply.ok) return reject(new KVError(reply.error));
        const entries = reply.state.map(([key, view]) => [textOf(key), jsonOf(view)] as const);
        resolve(new Map(entries));
      });
    });
  }

  /**
   * Makes the replica at a URL a peer, of this one and of all that this one knows, or compares with
   * it if it is one. Resolves once that is remembered; the peer may be down.
   */
  register(url: string): Promise<void> {
    return change((done) => this.service.register(url, done));
  }

  /** Nobody waits any longer for the replica that has this URL or this id. */
  unregister(urlOrId: string): Promise<void> {
    return change((done) => this.service.unregister(urlOrId, done));
  }

  /** Equal on replicas that hold the same. */
  digest(): StateDigest {
    return this.service.digest();
  }

  status(): Readonly<Record<string, unknown>> {
    return this.service.status();
  }

  readiness(): Readiness {
    return this.service.readiness();
  }

  /** The metrics in the text format of Prometheus, and its content type. */
  metrics(): { readonly contentType: string; readonly text: string } {
    return this.service.metrics();
  }

  /** Answers what is under way, and stops. */
  async close(): Promise<void> {
    await this.service.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keyOf(key: string): string {
    const bytes = byteString(key);
    checkKey(bytes, this.config.maxKeyBytes);
    return bytes;
  }
}

function listen(server: Server, { httpHost, httpPort }: NodeConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new Error(`the address ${httpHost}:${httpPort} cannot be listened at: ${error.message}`),
      );
    });
    server.listen(httpPort, httpHost, () => resolve());
  });
}

function change(ask: (done: (error: OperatingError | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    ask((error) => (error === undefined ? resolve() : reject(new KVError(error))));
  });
}

/** Values as they are stored, each in memory of its own: a small Buffer is a window on a larger one. */
function bytesOf(update: KeyUpdate): KeyChange {
  switch (update.kind) {
    case 'add':
    case 'remove':
      return { kind: update.kind, elements: update.elements.map(stored) };
    case 'put':
    case 'append':
    case 'assign':
      return { kind: update.kind, value: stored(update.value) };
    case 'delete':
    case 'increment':
      return update;
    default:
      // A program without types may say anything.
      throw new TypeError('a change must be one of the kinds of KeyUpdate');
  }
}

const stored = (value: Json): Uint8Array => new Uint8Array(jsonBytes(value));

function jsonOf(view: KeyView): Json {
  switch (view.type) {
    case 'value':
      return jsonValue(view.value);
    case 'counter':
      return view.count;
    case 'set':
      return view.elements.map(jsonValue);
    case 'register':
      return view.values.map(jsonValue);
  }
}

const textOf = (key: string): string => Buffer.from(key, 'latin1').toString('utf8');
