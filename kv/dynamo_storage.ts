/**
 * DynamoStorage: one node of the leaderless system, to be embedded in a program.
 *
 *     const node = await DynamoStorage.open({ nodeId: '127.0.0.1:9701', dataDir: '…' });
 *     const metadata = await node.put('pets', ['cat']);
 *     await node.get('pets');     // { values: [['cat']], metadata: [metadata] }
 *     await node.put('pets', ['cat', 'dog'], { metadata });
 *     await node.close();
 *
 * Another node comes in with `seed: '127.0.0.1:9701'`. `--protocol dynamo` serves the same node over
 * HTTP.
 */

import { type ConfigOptions, configFrom, type NodeConfig } from './config';
import { DynamoService, type DynamoServiceHooks } from './dynamo_service/dynamo_service';
import {
  byteString,
  ConfigError,
  checkKey,
  type Json,
  jsonBytes,
  KVError,
  tooLarge,
} from './embedding';
import { throwLater } from './runtime/throw_later';
import type { Readiness } from './service';

/** The configuration, but for what belongs to other protocols, and hooks of the program. */
export type DynamoStorageOptions = Omit<ConfigOptions, 'protocol' | 'partners' | 'raft'> &
  Partial<DynamoServiceHooks>;

/** All concurrent versions of a key: as many strings as values; none if the key is absent. */
export interface Versions {
  readonly values: readonly Json[];
  readonly metadata: readonly string[];
}

export interface PutOptions {
  /** So many disks must have it; two when absent. */
  readonly quorum?: number;
  /** What the writer has seen: metadata of an earlier answer, or all of it for a conflict. */
  readonly metadata?: string | readonly string[];
}

export interface GetOptions {
  /** So many nodes must have answered; two when absent. */
  readonly quorum?: number;
}

export class DynamoStorage {
  private constructor(
    private readonly service: DynamoService,
    readonly config: NodeConfig,
  ) {}

  /**
   * Opens the data folder, and begins a group or joins the one of `seed`; a node that was a member
   * before goes on as one. Without a `dataDir` everything is in memory. Rejects with `ConfigError`,
   * or with an error that says what is wrong with the folder or the address.
   */
  static async open(options: DynamoStorageOptions): Promise<DynamoStorage> {
    const { log, onFatal, onTrace, ...rest } = options;
    const result = configFrom({ ...rest, protocol: 'dynamo' });
    if ('problems' in result) {
      throw new ConfigError(result.problems.map((problem) => problem.message).join('; '));
    }
    const hooks = { log, onTrace, onFatal: onFatal ?? throwLater };
    return new DynamoStorage(await DynamoService.open(result.config, hooks), result.config);
  }

  /** All versions of a key that nobody has replaced. */
  get(key: string, { quorum }: GetOptions = {}): Promise<Versions> {
    return new Promise((resolve, reject) => {
      this.service.get(this.keyOf(key), quorum, (reply) => {
        if (!reply.ok) return reject(new KVError(reply.error));
        resolve({ values: reply.values.map(parsed), metadata: reply.metadata });
      });
    });
  }

  /** Writes a version, in the place of those that it has seen; resolves to its metadata. */
  put(key: string, value: Json, { quorum, metadata = '' }: PutOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const bytes = jsonBytes(value);
      const { maxBodyBytes } = this.config;
      if (bytes.length > maxBodyBytes) throw tooLarge('value', bytes.length, maxBodyBytes);
      const seen = typeof metadata === 'string' ? metadata : metadata.join(',');
      // A copy: it is kept, and a small Buffer is a window on a larger one.
      const put = { value: new Uint8Array(bytes), quorum, metadata: seen };
      this.service.put(this.keyOf(key), put, (reply) => {
        if (reply.ok) resolve(reply.metadata);
        else reject(new KVError(reply.error));
      });
    });
  }

  /** Joins the group of a member, `host:port`; resolves when it is under way (see `status`). */
  join(seed: string): Promise<void> {
    return this.change((done) => this.service.join(seed, done));
  }

  /** Hands everything over and leaves; resolves when it is under way (see `status`). */
  leave(): Promise<void> {
    return this.change((done) => this.service.leave(done));
  }

  /** The names and addresses of the nodes that hold a key, in the order of preference. */
  lookup(key: string): readonly (readonly [name: string, address: string])[] {
    return this.service.lookup(this.keyOf(key));
  }

  /** The names of the members that are thought to be alive, this node included. */
  members(): readonly string[] {
    return this.service.members();
  }

  /** How many keys are held here. */
  records(): number {
    return this.service.records();
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

  /** Finishes what is under way, and stops. What is owed to others stays on the disk. */
  close(): Promise<void> {
    return this.service.close();
  }

  private keyOf(key: string): string {
    const bytes = byteString(key);
    checkKey(bytes, this.config.maxKeyBytes);
    return bytes;
  }

  private change(
    ask: (done: (error: ConstructorParameters<typeof KVError>[0] | undefined) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      ask((error) => (error === undefined ? resolve() : reject(new KVError(error))));
    });
  }
}

function parsed(value: Uint8Array): Json {
  return JSON.parse(Buffer.from(value).toString('utf8'));
}
