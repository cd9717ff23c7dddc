/** One node of a cluster as a process of its own: what can be done to it from outside. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';

/** What is read of `GET /admin/status`; there is much more in it. */
export interface NodeStatus {
  readonly self: string;
  /** 0 follower, 1 candidate, 2 leader. */
  readonly state: number;
  readonly leader: string | null;
  readonly raft_term: number;
  readonly commit_idx: number;
  readonly last_applied: number;
  readonly has_quorum: boolean;
  readonly pid: number;
  readonly cluster_id: string;
  readonly storage_id: number;
  readonly disk_unknown: boolean;
  readonly first_log_idx: number;
  readonly last_log_idx: number;
  readonly snapshot_idx: number;
  readonly pending_requests: number;
  readonly match_idx_count: number;
  readonly [name: string]: unknown;
}

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface NodeOptions {
  readonly index: number;
  /** `host:port` for its peers. */
  readonly id: string;
  /** Where it serves HTTP. */
  readonly url: string;
  /** A script and its arguments, for the Node that runs this. */
  readonly command: readonly string[];
  /** A program and its arguments that run the command in surroundings of their own, by `exec`. */
  readonly wrapper?: readonly string[];
  readonly stopTimeoutMs: number;
  /** How long the node may take to answer after its start before it is given up and killed. */
  readonly startTimeoutMs?: number | undefined;
  readonly onLine: (node: ClusterNode, line: string) => void;
  /** `expected`: we asked for it. */
  readonly onExit: (node: ClusterNode, exit: Exit, expected: boolean) => void;
}

interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Exit>;
  hasEnded: boolean;
  isWanted: boolean;
  lastLine: string;
}

const POLL_MS = 25;
const STATUS_TIMEOUT_MS = 1000;
const START_TIMEOUT_MS = 60_000;

export class ClusterNode {
  private current: Running | undefined;

  constructor(private readonly options: NodeOptions) {}

  get index(): number {
    return this.options.index;
  }

  get id(): string {
    return this.options.id;
  }

  get url(): string {
    return this.options.url;
  }

  get isRunning(): boolean {
    return this.current !== undefined && !this.current.hasEnded;
  }

  /** The process of the node; undefined while there is none. */
  get pid(): number | undefined {
    return this.isRunning ? this.current?.process.pid : undefined;
  }

  /**
   * Resolves when the node answers; rejects with its last words if it ends before, or does not
   * answer in time and is killed for it.
   */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.id} is running already`);
    const { startTimeoutMs = START_TIMEOUT_MS } = this.options;
    const running = this.spawn();
    this.current = running;
    const deadline = performance.now() + startTimeoutMs;
    let tooLate = false;
    while (!running.hasEnded) {
      // Another process may hold the port: only an answer of our own one counts.
      if ((await this.status())?.pid === running.process.pid) return;
      tooLate = performance.now() >= deadline && !running.hasEnded;
      if (tooLate) await this.kill();
      else await Promise.race([wait(POLL_MS), running.ended]);
    }
    const { code, signal } = await running.ended;
    const ended = signal ?? `exit code ${code}`;
    const how = tooLate ? `no answer in ${startTimeoutMs} ms, killed` : ended;
    throw new Error(`node ${this.index} (${this.id}) did not start (${how}): ${running.lastLine}`);
  }

  /** What the node says of itself; undefined if it does not answer. */
  async status(): Promise<NodeStatus | undefined> {
    if (!this.isRunning) return undefined;
    try {
      const response = await axios.get<NodeStatus>(`${this.url}/admin/status`, {
        timeout: STATUS_TIMEOUT_MS,
        proxy: false,
      });
      return response.data;
    } catch {
      return undefined;
    }
  }

  /** Asks the node to stop, and kills it if it does not in time. */
  async stop(): Promise<Exit | undefined> {
    const running = this.current;
    if (!running || running.hasEnded) return undefined;
    running.isWanted = true;
    this.signal('SIGTERM');
    // A frozen process takes no signal but this one and SIGKILL.
    this.resume();
    const tooLate = setTimeout(() => this.signal('SIGKILL'), this.options.stopTimeoutMs);
    const exit = await running.ended;
    clearTimeout(tooLate);
    return exit;
  }

  /** SIGKILL: the node gets no chance to do anything more. */
  async kill(): Promise<Exit | undefined> {
    const running = this.current;
    if (!running || running.hasEnded) return undefined;
    running.isWanted = true;
    this.signal('SIGKILL');
    return running.ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Freezes the process, as a stopped virtual machine or a long pause would. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    if (process.platform !== 'win32') this.signal('SIGCONT');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.current?.process.kill(signal);
  }

  private spawn(): Running {
    const { wrapper = [], command } = this.options;
    const [program = process.execPath, ...rest] = [...wrapper, process.execPath, ...command];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal goes to a whole group; nodes are stopped by us, and once.
      detached: process.platform !== 'win32',
    });
    const ended = new Promise<Exit>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    const running: Running = {
      ...{ process: child, ended, hasEnded: false, isWanted: false, lastLine: 'it said nothing' },
    };
    child.on('error', (error) => {
      running.lastLine = error.message;
    });
    child.on('close', (code, signal) => {
      running.hasEnded = true;
      this.options.onExit(this, { code, signal }, running.isWanted);
    });
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        running.lastLine = line;
        this.options.onLine(this, line);
      });
    }
    return running;
  }
}
