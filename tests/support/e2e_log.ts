/** A master of the replicated log and its secondaries as real processes, started one by one. */

import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../../bin/cluster_node';
import { type LogGroupOptions, LogProcesses } from '../../bin/log_group';
import { refusal, send } from './e2e_http';
import { eventually, temporaryFolder } from './e2e_world';

export interface Shown {
  readonly id: string;
  readonly message: string;
  readonly order: number;
}

export interface Appended {
  readonly status: string;
  readonly message_id: string;
  readonly order: number;
}

export type LogWorldOptions = Omit<LogGroupOptions, 'dataDir' | 'onExit'>;

export class LogWorld {
  private readonly activities: { abandon(): void }[] = [];

  private constructor(
    private readonly group: LogProcesses,
    private readonly dataDir: string,
    private readonly unexpectedEnds: readonly string[],
  ) {}

  /** Makes the nodes, and starts none. */
  static async make(options: LogWorldOptions = {}): Promise<LogWorld> {
    const dataDir = temporaryFolder();
    const ends: string[] = [];
    const group = await LogProcesses.make({
      ...{ ...options, dataDir },
      onExit: ({ index }, { code, signal }, expected) => {
        if (!expected) ends.push(`${index} ${code ?? signal}`);
      },
    });
    return new LogWorld(group, dataDir, ends);
  }

  /** All nodes are there and follow. */
  static async open(options: LogWorldOptions = {}): Promise<LogWorld> {
    const world = await LogWorld.make(options);
    await Promise.all(world.all.map((node) => node.start()));
    await world.healthy();
    // A secondary is healthy once it was heard of; a master with a quorum waits until it follows.
    await eventually('the master takes appends', async () => {
      return (await send(world.master.url, '/health/ready')).status === 200;
    });
    return world;
  }

  get master(): ClusterNode {
    return this.group.master;
  }
  get secondaries(): readonly ClusterNode[] {
    return this.group.secondaries;
  }
  get all(): readonly ClusterNode[] {
    return this.group.all;
  }

  secondary(number: number): ClusterNode {
    const node = this.secondaries[number - 1];
    if (node === undefined) throw new RangeError(`there is no secondary ${number}`);
    return node;
  }

  folder(index: number): string {
    return join(this.dataDir, `node${index}`);
  }

  wipe(node: ClusterNode): void {
    rmSync(this.folder(node.index), { recursive: true });
  }

  /** Puts the data of a node out of its reach; `bringBack` makes it its data again. */
  setAside(node: ClusterNode): void {
    renameSync(this.folder(node.index), `${this.folder(node.index)}-aside`);
  }
  bringBack(node: ClusterNode): void {
    this.wipe(node);
    renameSync(`${this.folder(node.index)}-aside`, this.folder(node.index));
  }

  during<T extends { abandon(): void }>(activity: T): T {
    this.activities.push(activity);
    return activity;
  }

  /** The master has heard of so many secondaries, all of them unless told otherwise. */
  async healthy(count = this.secondaries.length): Promise<void> {
    await eventually(`${count} secondaries are healthy`, async () => {
      const states = Object.values(await healthOf(this.master));
      return states.filter((state) => state === 'Healthy').length === count;
    });
  }

  /** Every log is the master's, gap-free, with each id once; gives it. */
  async agreed(): Promise<Shown[]> {
    return eventually('all logs are equal', async () => {
      const logs = await Promise.all(this.all.map(shownAt));
      const [first = [], ...others] = logs;
      for (const log of logs) expectWellFormed(log);
      const texts = others.map((log) => JSON.stringify(log));
      return texts.every((text) => text === JSON.stringify(first)) && first;
    });
  }

  async close(): Promise<void> {
    for (const activity of this.activities) activity.abandon();
    await this.group.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
    expect(this.unexpectedEnds).toEqual([]);
  }
}

export function expectWellFormed(log: readonly Shown[]): void {
  expect(log.map(({ order }) => order)).toEqual(log.map((_, i) => i));
  expect(new Set(log.map(({ id }) => id)).size).toBe(log.length);
}

export async function shownAt(node: ClusterNode): Promise<Shown[]> {
  const reply = await send(node.url, '/full_messages');
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return (JSON.parse(reply.text) as { messages: Shown[] }).messages;
}

export async function messagesAt(node: ClusterNode): Promise<string[]> {
  const reply = await send(node.url, '/messages');
  return (JSON.parse(reply.text) as { messages: string[] }).messages;
}

export async function healthOf(node: ClusterNode): Promise<Record<string, string>> {
  return JSON.parse((await send(node.url, '/health')).text) as Record<string, string>;
}

export function post(node: ClusterNode, path: string, body: unknown, patienceMs?: number) {
  const patience = patienceMs === undefined ? {} : { patienceMs };
  return send(node.url, path, { method: 'POST', body: JSON.stringify(body), ...patience });
}

/** Appends, and expects it to be taken; waits as long as it takes. */
export async function append(
  master: ClusterNode,
  message: string,
  w?: number,
  id?: string,
): Promise<Appended> {
  const reply = await post(master, '/messages', { message, w, id }, 60_000);
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return JSON.parse(reply.text) as Appended;
}

export async function replicate(node: ClusterNode, order: number, message: string) {
  const reply = await post(node, '/replicate', { id: `id-${order}`, message, order });
  return { status: reply.status, body: JSON.parse(reply.text) as unknown };
}

/** A promise, and whether it has been kept so far. */
export function watched<T>(promise: Promise<T>): { readonly promise: Promise<T>; done: boolean } {
  const state = { promise, done: false };
  const settle = () => {
    state.done = true;
  };
  promise.then(settle, settle);
  return state;
}

/** The error of a refused append. */
export async function refusedAppend(master: ClusterNode, body: unknown) {
  const reply = await post(master, '/messages', body);
  return { status: reply.status, ...refusal(reply) };
}
