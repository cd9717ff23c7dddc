/**
 * The proof that the simulator can fail: plants known bugs of Raft implementations one at a time
 * into a copy of the compiled program, and lets the simulator run over seeds until it finds each.
 *
 *     node dist/bin/planted_bugs.js [--bug <name>]… [--jobs 2] [--max-seeds 10000]
 *
 * The bugs are texts in `tests/sim/planted_bugs`, never compiled into the program itself. A seed
 * that fails without the bug too has not found it, and is passed over.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs/yargs';
import { makeCopy, removeCopy } from './mutated_copy';
import { applyMutation, type Mutation, readMutations } from './mutation';
import { type DiskKind, SIMULATED_PROTOCOLS, type SimulatedProtocol } from './sim_run';
import type { Chunk, ChunkResult } from './sim_worker';

/** This file runs as compiled, in `dist/bin`. */
const ROOT = join(__dirname, '..', '..');
const BUGS = join(ROOT, 'tests', 'sim', 'planted_bugs');
/** Raft's bugs lie in the folder itself, those of other protocols in a folder of their name. */
const folderOf = (protocol: SimulatedProtocol): string =>
  protocol === 'raft' ? BUGS : join(BUGS, protocol);
const WORKER = join('dist', 'bin', 'sim_worker.js');
const MS_PER_MINUTE = 60_000;

interface Found {
  readonly seed: number;
  readonly checker: string;
  readonly message: string;
  /** The simulated time of all seeds up to this one together. */
  readonly simulatedMs: number;
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly disk: DiskKind;
  readonly protocol: SimulatedProtocol;
}

async function main(): Promise<void> {
  const flags = yargs(process.argv.slice(2))
    .option('bug', { type: 'string', array: true, describe: 'only the bug of this name' })
    .option('jobs', { type: 'number', default: availableParallelism(), describe: 'at a time' })
    .option('max-seeds', { type: 'number', default: 10_000, describe: 'seeds for each bug' })
    .option('minutes', { type: 'number', default: 120, describe: 'time for each bug' })
    .option('protocol', { choices: SIMULATED_PROTOCOLS, default: 'raft' as const })
    .option('messages', { type: 'boolean', default: false, describe: 'what the checkers said' })
    .strict()
    .parseSync();
  const { protocol } = flags;
  const bugs = chosen(readMutations(folderOf(protocol)), flags.bug);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const width = Math.max(...bugs.map(({ name }) => name.length));
  console.log(`${'planted bug'.padEnd(width)}  seeds  simulated s  found by`);
  let found = 0;
  await inParallel(bugs, flags.jobs, async (bug) => {
    if (stop.signal.aborted) return;
    const limit = AbortSignal.timeout(flags.minutes * MS_PER_MINUTE);
    const hunt = { maxSeeds: flags.maxSeeds, protocol };
    const result = await plant(bug, hunt, AbortSignal.any([stop.signal, limit]));
    if (typeof result !== 'string') found++;
    console.log(rowOf(bug.name.padEnd(width), result));
    if (flags.messages && typeof result !== 'string') console.log(`    ${result.message}`);
  });
  console.log(`${bugs.length} planted, ${found} found`);
  if (found < bugs.length) process.exitCode = 1;
}

function chosen(all: readonly Mutation[], names: readonly string[] | undefined): Mutation[] {
  const unknown = names?.find((name) => !all.some((bug) => bug.name === name));
  if (unknown !== undefined) throw new Error(`there is no planted bug ${unknown} in ${BUGS}`);
  return all.filter(({ name }) => names?.includes(name) ?? true);
}

/** What found the bug, or a few words on why nothing did. */
async function plant(
  bug: Mutation,
  { maxSeeds, protocol }: { readonly maxSeeds: number; readonly protocol: SimulatedProtocol },
  signal: AbortSignal,
): Promise<Found | string> {
  let copy: string | undefined;
  try {
    const sources = applyMutation(bug, (path) => readFileSync(join(ROOT, path), 'utf8'));
    const isStorage = [...sources.keys()].some((path) => path.startsWith('kv/storage/'));
    copy = makeCopy(ROOT, sources);
    const disk = isStorage ? 'journal' : 'mixed';
    const range: Range = { first: 1, last: maxSeeds, disk, protocol };
    const found = await findIn(copy, range, signal);
    return found ?? `not found in ${maxSeeds} seeds`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (copy !== undefined) removeCopy(copy);
  }
}

/** The first seed of a range that fails in a copy of the program, and only there. */
async function findIn(copy: string, range: Range, signal: AbortSignal): Promise<Found | undefined> {
  let simulatedMs = 0;
  for (let { first } = range; first <= range.last; ) {
    const { failures, totals } = await runSeeds(copy, { ...range, first }, signal);
    simulatedMs += totals.simulatedMs;
    const [failure] = failures;
    if (failure === undefined) return undefined;
    const { seed, checker, message } = failure;
    const without = await runSeeds(ROOT, { ...range, first: seed, last: seed }, signal);
    if (without.failures.length === 0) return { seed, checker, message, simulatedMs };
    first = seed + 1;
  }
  return undefined;
}

/** Runs the simulator of a copy of the program over seeds until one fails. */
async function runSeeds(
  copy: string,
  { first, last, disk, protocol }: Range,
  signal: AbortSignal,
): Promise<ChunkResult> {
  const child = spawn(process.execPath, [join(copy, WORKER)], { signal, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  // What happened to it, its end tells.
  for (const stream of [child, child.stdin]) stream.on('error', () => undefined);
  const chunk: Chunk = { first, last, settings: { disk, protocol }, keepGoing: false };
  child.stdin.end(`${JSON.stringify(chunk)}\n`);
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (signal.aborted) throw new Error('not found in the time that it was given');
  if (code !== 0) throw new Error(`the simulator ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

function rowOf(name: string, result: Found | string): string {
  if (typeof result === 'string') return `${name}      -            -  ${result}`;
  const seconds = (result.simulatedMs / 1000).toFixed(1);
  return `${name}  ${String(result.seed).padStart(5)}  ${seconds.padStart(11)}  ${result.checker}`;
}

async function inParallel<T>(
  list: readonly T[],
  jobs: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const rest = [...list];
  const worker = async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, worker));
}

main().catch((error) => {
  console.error(`planted_bugs: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
