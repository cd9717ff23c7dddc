/**
 * Runs a file of commands as a reader would type them, and compares what they print. Their ports
 * are fixed, so it happens in a network of its own (`ip netns`), which nobody else listens in.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from './e2e_root';
import { temporaryFolder } from './e2e_world';

const ROOT = join(__dirname, '..', '..');
const PATIENCE_MS = 60_000;

/** A network namespace with nothing but a loopback address. */
export class Loopback {
  private readonly name = `quorum-kv-${process.pid}-curl`;

  open(): this {
    run('ip', 'netns', 'add', this.name);
    run('ip', '-n', this.name, 'link', 'set', 'lo', 'up');
    return this;
  }

  wrapper(command: string): [string, string[]] {
    return ['ip', ['netns', 'exec', this.name, 'sh', '-c', command]];
  }

  close(): void {
    run('ip', 'netns', 'del', this.name);
  }
}

interface Command {
  readonly kind: 'start' | 'kill' | 'once' | 'until';
  readonly line: string;
  readonly expected: string[];
}

/** Throws what the first command did that it should not have done; returns how many were run. */
export async function runScript(file: string, network: Loopback): Promise<number> {
  const folder = temporaryFolder();
  const processes = new Map<string, ChildProcess>();
  try {
    const commands = parse(readFileSync(file, 'utf8'));
    for (const command of commands) await perform(command, { network, folder, processes });
    return commands.length;
  } finally {
    for (const child of processes.values()) await end(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function parse(text: string): Command[] {
  const kinds = { start: 'start', kill: 'kill', $: 'once', '~': 'until' } as const;
  const commands: Command[] = [];
  for (const line of text.split('\n')) {
    const [word = ''] = line.split(' ', 1);
    if (line === '' || word === '#') continue;
    if (Object.hasOwn(kinds, word)) {
      const kind = kinds[word as keyof typeof kinds];
      commands.push({ kind, line: line.slice(word.length + 1), expected: [] });
    } else commands.at(-1)?.expected.push(line);
  }
  return commands;
}

interface Surroundings {
  readonly network: Loopback;
  readonly folder: string;
  /** By port. */
  readonly processes: Map<string, ChildProcess>;
}

async function perform(command: Command, around: Surroundings): Promise<void> {
  const { kind, line, expected } = command;
  if (kind === 'start') return start(line, around);
  if (kind === 'kill') return end(around.processes.get(line));
  const wanted = expected.map(comparable).join('\n');
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const printed = output(line, around.network);
    if (printed === wanted) return;
    if (kind === 'once' || performance.now() > deadline) {
      throw new Error(`${line}\nprinted:  ${printed}\nexpected: ${wanted}`);
    }
    await wait(50);
  }
}

/** Its data lie in a folder of the test, which is the one thing that is added to the command. */
async function start(line: string, { network, folder, processes }: Surroundings): Promise<void> {
  const port = /\b(80\d\d)\b/.exec(line)?.[1] ?? '';
  const [program, args] = network.wrapper(`exec env ${line} --data-dir ${join(folder, port)}`);
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-500);
  });
  processes.set(port, child);
  const deadline = performance.now() + PATIENCE_MS;
  while (output(`curl -s http://localhost:${port}/health/live`, network) !== '{"live":true}') {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`${line} did not start (${child.exitCode}): ${said}`);
    }
    await wait(50);
  }
}

/** SIGKILL: it gets no chance to do anything more. */
async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function output(line: string, network: Loopback): string {
  const [program, args] = network.wrapper(`${line}; true`);
  const text = execFileSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  return text.trimEnd().split('\n').map(comparable).join('\n');
}

/** An object has no order, and the id of a replica is drawn. */
function comparable(line: string): string {
  const text = line.replace(/("replica_id":)"[0-9a-f]{12}"/g, '$1"…"');
  if (!text.startsWith('{')) return text;
  return JSON.stringify(JSON.parse(text), (_name, value: unknown) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMap) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
