/** A master of the replicated log and its secondaries as real processes, started one by one. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compiledProgram } from '../../bin/cluster';
import { ClusterNode } from '../../bin/cluster_node';
import { freePorts } from '../../bin/free_ports';
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

export interface LogWorldOptions {
  readonly secondaries?: number;
  readonly master?: readonly string[];
  /** Further flags of each secondary. */
  readonly secondary?: readonly (readonly string[])[];
}

export class LogWorld {
  readonly unexpectedEnds: string[] = [];
  readonly master: ClusterNode;
  readonly secondaries: readonly ClusterNode[];
  private readonly dataDir = temporaryFolder();
  private readonly activities: { abandon(): void }[] = [];

  private constructor(ports: readonly number[], { master = [], secondary = [] }: LogWorldOptions) {
    const urls = ports.map((port) => `http://localhost:${port}`);
    const [masterUrl = '', ...others] = urls;
    const node = (index: number, flags: readonly string[]): ClusterNode =>
      new ClusterNode({
        ...{ index, id: urls[index] ?? '', url: `http://127.0.0.1:${ports[index]}` },
        stopTimeoutMs: 20_000,
        command: [
          ...[compiledProgram(), String(ports[index]), '--protocol', 'log'],
          ...['--data-dir', this.folder(index), ...flags],
        ],
        onLine: () => undefined,
        onExit: (_node, { code, signal }, expected) => {
          if (!expected) this.unexpectedEnds.push(`${index} ${code ?? signal}`);
        },
      });
    this.master = node(0, ['--secondaries', others.join(','), ...master]);
    this.secondaries = others.map((_, i) =>
      node(i + 1, ['--master', masterUrl, ...(secondary[i] ?? [])]),
    );
  }

  /** Makes the nodes, and starts none. */
  static async make(options: LogWorldOptions = {}): Promise<LogWorld> {
    return new LogWorld(await freePorts('127.0.0.1', (options.secondaries ?? 2) + 1), options);
  }

  /** All nodes are there and follow. */
  static async open(options: LogWorldOptions = {}): Promise<LogWorld> {
    const world = await LogWorld.make(options);
    await Promise.all(world.all.map((node) => node.start()));
    await world.healthy();
    return world;
  }

  get all(): readonly ClusterNode[] {
    return [this.master, ...this.secondaries];
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
    await Promise.all(this.all.map((node) => node.stop()));
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
