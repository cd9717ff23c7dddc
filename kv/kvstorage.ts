/**
 * KVStorage: one node of the service, to be embedded in a program.
 *
 *     const node = await KVStorage.open({ nodeId: '127.0.0.1:6000', partners: [...], dataDir: '…' });
 *     await node.put('pets', ['cat']);
 *     await node.append('pets', 'dog');
 *     await node.get('pets');               // ['cat', 'dog'], linearizable, on any node
 *     await node.close();
 *
 * The HTTP service (`kvstorage_http.ts`) is the same node behind a server. Promises are for
 * programs; the callbacks of `KeyValueService` are for the hot path.
 */

import { type ConfigOptions, configFrom, type NodeConfig } from './config';
import type { Command, CommandResult } from './core/command';
import type { OperatingError } from './core/errors';
import {
  byteString,
  ConfigError,
  checkKey,
  type Json,
  jsonBytes,
  jsonValue,
  KVError,
  tooLarge,
} from './embedding';
import { checkedRead, checkedWrite, NO_OPTIONS } from './kvstorage_options';
import { RaftService, type ServiceHooks } from './raft_service/raft_service';
import type {
  KeyValueService,
  Readiness,
  ReadOptions,
  ReadReply,
  Served,
  WriteOptions,
  WriteReply,
} from './service';

export type { ConfigOptions, NodeConfig } from './config';
export {
  ConvergentStorage,
  type ConvergentStorageOptions,
  type KeyUpdate,
} from './convergent_storage';
export type { ReadLevel } from './core/command';
export type { ErrorCode, OperatingError, Outcome, Retry } from './core/errors';
export { DynamoStorage, type DynamoStorageOptions, type Versions } from './dynamo_storage';
export { ConfigError, type Json, KVError } from './embedding';
export type { Log, LogFields } from './runtime/log';
export type { Readiness, ReadOptions, Served, WriteOptions } from './service';

/** What an embedding program may say beside the configuration. */
export type KVStorageOptions = ConfigOptions & Partial<ServiceHooks>;

export class KVStorage implements KeyValueService {
  private constructor(
    private readonly service: RaftService,
    readonly config: NodeConfig,
  ) {}

  /**
   * Opens the data folder, joins the cluster and begins to serve. Without a `dataDir` everything is
   * in memory and a restarted node counts as one whose disk was wiped. Rejects with `ConfigError`,
   * or with an error that says what is wrong with the folder or the address.
   */
  static async open(options: KVStorageOptions): Promise<KVStorage> {
    const { log, onFatal, onTrace, ofProcess, ...rest } = options;
    const result = configFrom(rest);
    if ('problems' in result) {
      throw new ConfigError(result.problems.map((problem) => problem.message).join('; '));
    }
    const { config } = result;
    if (config.protocol !== 'raft') {
      throw new ConfigError(`KVStorage is a node of raft; ${config.protocol} is served over HTTP`);
    }
    const service = await RaftService.open(config, { log, onFatal, onTrace, ofProcess });
    return new KVStorage(service, config);
  }

  // One promise for each call and no async function: a write costs little more than its promise.

  /** Stores a value under a key. Resolves once a majority of the disks has it. */
  put(key: string, value: Json, options: WriteOptions = NO_OPTIONS): Promise<Served> {
    return new Promise((resolve, reject) => {
      const command: Command = { kind: 'put', key: byteString(key), value: jsonBytes(value) };
      this.send(command, options, reject, (_, served) => resolve(served));
    });
  }

  /** Adds one element to a list, which begins empty. Rejects with `not_a_list` for other values. */
  append(key: string, value: Json, options: WriteOptions = NO_OPTIONS): Promise<Served> {
    return new Promise((resolve, reject) => {
      const command: Command = { kind: 'append', key: byteString(key), value: jsonBytes(value) };
      this.send(command, options, reject, (_, served) => resolve(served));
    });
  }

  /** Removes a key; resolves to whether it was there. */
  delete(key: string, options: WriteOptions = NO_OPTIONS): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const command: Command = { kind: 'delete', key: byteString(key) };
      this.send(command, options, reject, (result) => resolve(result === 'ok'));
    });
  }

  /** The value of a key, or undefined. Linearizable unless the options name another level. */
  get(key: string, options: ReadOptions = NO_OPTIONS): Promise<Json | undefined> {
    return new Promise((resolve, reject) => {
      const bytes = byteString(key);
      checkKey(bytes, this.config.maxKeyBytes);
      this.read(bytes, checkedRead(options), (reply) => {
        if (!reply.ok) reject(new KVError(reply.error));
        else resolve(reply.answer === undefined ? undefined : jsonValue(reply.answer));
      });
    });
  }

  /** Finishes what is under way, hands the leadership over if this node has it, and stops. */
  close(): Promise<void> {
    return this.service.close();
  }

  /** The hot path: keys are bytes, and nothing is checked, since the HTTP server has. */
  write(command: Command, options: WriteOptions, done: (reply: WriteReply) => void): void {
    this.service.write(command, options, done);
  }

  /** As `write`. */
  read(key: string, options: ReadOptions, done: (reply: ReadReply) => void): void {
    this.service.read(key, options, done);
  }

  status(): Readonly<Record<string, unknown>> {
    return this.service.status();
  }

  readiness(): Readiness {
    return this.service.readiness();
  }

  metrics(): Promise<{ readonly contentType: string; readonly text: string }> {
    return this.service.metrics();
  }

  /** Throws what is wrong with the command or its options, which rejects the promise that it is for. */
  private send(
    command: Command,
    options: WriteOptions,
    reject: (error: KVError) => void,
    done: (result: CommandResult, served: Served) => void,
  ): void {
    checkKey(command.key, this.config.maxKeyBytes);
    const { maxBodyBytes } = this.config;
    if (command.kind !== 'delete' && command.value.length > maxBodyBytes) {
      throw tooLarge('value', command.value.length, maxBodyBytes);
    }
    this.write(command, checkedWrite(options), (reply) => {
      if (!reply.ok) reject(new KVError(reply.error));
      else if (reply.result === 'ok' || command.kind === 'delete') done(reply.result, reply.served);
      else reject(new KVError(resultError(reply.result)));
    });
  }
}

function resultError(
  result: Exclude<CommandResult, 'ok'>,
): Omit<OperatingError, 'code'> & { readonly code: string } {
  const messages = {
    not_found: 'There is no such key',
    not_a_list: 'The value of the key is not a list, so nothing can be appended to it',
    too_large: 'The list would become larger than a value may be',
  };
  return {
    code: result,
    message: messages[result],
    outcome: 'not_applied',
    retry: 'no',
    details: {},
  };
}
