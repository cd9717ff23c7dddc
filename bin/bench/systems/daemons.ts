/** Servers of others: found, started, waited for, and killed with this process at the latest. */

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Where Debian puts programs, also those that are for root. */
const PLACES = [...(process.env.PATH ?? '').split(':'), '/usr/bin', '/usr/sbin'];
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 100;
const LAST_WORDS = 1000;
const HOST = '127.0.0.1';
const ASK_TIMEOUT_MS = 1000;

/** The path of a program; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  return PLACES.map((place) => join(place, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What runs; one listener for all, so that their number has no bound. */
const running = new Set<Daemon>();
process.once('exit', () => {
  for (const daemon of running) daemon.kill();
});

export class Daemon {
  private readonly child: ChildProcess;
  private lastWords = '';
  private readonly ended: Promise<void>;
  private hasEnded = false;

  constructor(
    readonly name: string,
    command: readonly string[],
    folder: string,
  ) {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.lastWords = (this.lastWords + text).slice(-LAST_WORDS);
      });
    }
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => {
        this.lastWords = error.message;
      });
      child.on('close', () => {
        this.hasEnded = true;
        running.delete(this);
        resolve();
      });
    });
    running.add(this);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits until an attempt answers with something; rejects with the last words of the program. */
  async until<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!this.hasEnded && performance.now() < deadline) {
      const answer = await attempt().catch(() => undefined);
      if (answer !== undefined) return answer;
      await wait(POLL_MS);
    }
    const how = this.hasEnded ? 'it has ended' : `not after ${START_TIMEOUT_MS} ms`;
    throw new Error(`${this.name}: ${what}: ${how}: ${this.lastWords.trim()}`);
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    const tooLate = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(tooLate);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** One server of a cluster, and the port that clients use. */
export interface Member {
  readonly daemon: Daemon;
  readonly port: number;
}

/** The leader's place among the members, asked for until one of them says that it leads. */
export async function leaderFirst(
  members: readonly Member[],
  leads: (member: Member) => Promise<boolean>,
): Promise<Member[]> {
  const [first] = members;
  if (first === undefined) throw new Error('a cluster has members');
  const leader = await first.daemon.until('waiting for a leader', async () => {
    const answers = await Promise.all(members.map((one) => leads(one).catch(() => false)));
    return members[answers.indexOf(true)];
  });
  return [leader, ...members.filter((member) => member !== leader)];
}

/** Sends a text to a server that closes the connection when it has answered. */
export function ask(port: number, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(port, HOST, () => socket.write(question));
    socket.setTimeout(ASK_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.setEncoding('latin1').on('data', (text) => {
      said += text;
    });
    socket.on('error', reject).on('close', () => resolve(said));
  });
}
