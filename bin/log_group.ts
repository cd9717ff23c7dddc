/** A master of the replicated log and its secondaries as real processes on this machine. */

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compiledProgram, NODE_FLAGS } from './cluster';
import { ClusterNode, type NodeOptions } from './cluster_node';
import { freePorts } from './free_ports';

const HOST = '127.0.0.1';
const STOP_TIMEOUT_MS = 20_000;
const FOLLOW_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

export interface LogGroupOptions {
  /** Each node keeps its data in `node<n>` below this folder; the master is node 0. */
  readonly dataDir: string;
  /** Two unless told otherwise. */
  readonly secondaries?: number;
  /** Further flags of the master, and of each secondary. */
  readonly master?: readonly string[];
  readonly secondary?: readonly (readonly string[])[];
  readonly onExit?: NodeOptions['onExit'];
  /** Where nodes run that have a network of their own; all on the loopback address when absent. */
  readonly places?: Places | undefined;
}

export interface Places {
  address(node: number): string;
  /** Words before a command that run it in the place of a node. */
  wrapper(node: number): string[];
  /** A port of the loopback address here that leads to a port of a node. */
  gatewayTo(node: number, port: number): Promise<number>;
}

/** Where nodes listen that have an address of their own. */
export const LOG_PORT = 5000;

/** What is read of the status of a master; there is more in it. */
export interface LogMasterStatus {
  readonly next_order: number;
  readonly waiting_appends: number;
  readonly secondaries: readonly {
    readonly url: string;
    readonly health: string;
    readonly state: string;
    readonly lag: number;
    readonly retries: number;
  }[];
}

export class LogProcesses {
  private constructor(
    readonly master: ClusterNode,
    readonly secondaries: readonly ClusterNode[],
  ) {
    process.once('exit', this.killAll);
  }

  /** Makes the nodes, and starts none. */
  static async make(options: LogGroupOptions): Promise<LogProcesses> {
    const { dataDir, secondaries = 2, master = [], secondary = [], places } = options;
    const addresses = await addressesOf(secondaries + 1, places);
    const urls = addresses.map(({ url }) => url);
    const [masterUrl = '', ...others] = urls;
    const node = (index: number, flags: readonly string[]): ClusterNode =>
      new ClusterNode({
        ...{ index, id: urls[index] ?? '', url: `http://${HOST}:${addresses[index]?.gateway}` },
        ...(places === undefined ? {} : { wrapper: places.wrapper(index) }),
        stopTimeoutMs: STOP_TIMEOUT_MS,
        command: [
          ...[...NODE_FLAGS, compiledProgram(), String(addresses[index]?.port)],
          ...['--protocol', 'log', '--data-dir', join(dataDir, `node${index}`)],
          ...(places === undefined ? [] : ['--http-host', places.address(index)]),
          ...flags,
        ],
        onLine: () => undefined,
        onExit: options.onExit ?? (() => undefined),
      });
    return new LogProcesses(
      node(0, ['--secondaries', others.join(','), ...master]),
      others.map((_, i) => node(i + 1, ['--master', masterUrl, ...(secondary[i] ?? [])])),
    );
  }

  /** Starts all; resolves when every secondary has what the master has. */
  static async start(options: LogGroupOptions): Promise<LogProcesses> {
    const group = await LogProcesses.make(options);
    try {
      await Promise.all(group.all.map((node) => node.start()));
      await group.following(group.secondaries.length);
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  get all(): readonly ClusterNode[] {
    return [this.master, ...this.secondaries];
  }

  /** What the master says of itself; undefined if it does not answer. */
  async status(): Promise<LogMasterStatus | undefined> {
    // The status of another protocol than the one that `ClusterNode` was made for.
    const status: unknown = await this.master.status();
    return status as LogMasterStatus | undefined;
  }

  /** Waits until so many secondaries are healthy and lack nothing. */
  async following(count: number): Promise<void> {
    const deadline = performance.now() + FOLLOW_TIMEOUT_MS;
    for (;;) {
      const all = (await this.status())?.secondaries ?? [];
      const whole = all.filter(
        ({ health, state, lag }) => health === 'Healthy' && state === 'following' && lag === 0,
      );
      if (whole.length === count) return;
      if (performance.now() > deadline) {
        throw new Error(`${whole.length} of ${count} secondaries follow: ${JSON.stringify(all)}`);
      }
      await wait(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((node) => node.stop()));
    process.off('exit', this.killAll);
  }

  /** For the end of this process, when there is no time to ask: no child may outlive it. */
  private readonly killAll = (): void => {
    for (const node of this.all) node.signal('SIGKILL');
  };
}

interface Address {
  readonly port: number;
  /** By which the other nodes know it. */
  readonly url: string;
  /** The port of the loopback address at which it answers. */
  readonly gateway: number;
}

async function addressesOf(count: number, places: Places | undefined): Promise<Address[]> {
  if (places === undefined) {
    const ports = await freePorts(HOST, count);
    return ports.map((port) => ({ port, url: `http://localhost:${port}`, gateway: port }));
  }
  const addresses: Address[] = [];
  for (let node = 0; node < count; node++) {
    const gateway = await places.gatewayTo(node, LOG_PORT);
    const url = `http://${places.address(node)}:${LOG_PORT}`;
    addresses.push({ port: LOG_PORT, url, gateway });
  }
  return addresses;
}
