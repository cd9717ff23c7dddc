/**
 * `npm run sim`: runs the simulator over many seeds on all CPUs, shows how it goes, and makes the
 * first run that fails small enough for a person to read. `docs/simulator.md` is its manual.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failureReport } from '../kv/sim/failure_report';
import { type Shrunk, shrink } from '../kv/sim/shrink';
import type { RunReport } from '../kv/sim/simulate';
import { type Command, type Manner, Refusal, readFlags } from './sim_flags';
import { dealOut } from './sim_pool';
import { Progress } from './sim_progress';
import { readRegressions } from './sim_regressions';
import {
  carryOut,
  type Failure,
  failureOf,
  flagsOfRun,
  type Run,
  type SimulatedProtocol,
  tryOut,
  varied,
} from './sim_run';
import { checkedRows, summary, totalsOf } from './sim_totals';
import type { Chunk } from './sim_worker';

/** Few enough that no worker waits long for the last one. */
const CHUNK = 4;
const INTERRUPTED = 130;

async function main(args: readonly string[]): Promise<number> {
  const command = readFlags(args);
  switch (command.kind) {
    case 'help':
      say(command.text);
      return 0;
    case 'one':
      return runOne(command);
    case 'seeds':
      return runMany(
        chunksOf(command),
        command.last - command.first + 1,
        command.manner,
        command.settings.protocol,
      );
    case 'regressions': {
      const runs = readRegressions(textOf(command.file), command.file);
      return runMany(regressionChunks(runs, command.manner), runs.length, command.manner);
    }
    case 'planted_bugs':
      return plantBugs(command.flags);
  }
}

/** Prints nothing that differs between machines. */
function runOne({ run, trace, shrink }: Extract<Command, { kind: 'one' }>): number {
  const result = tryOut(run, trace ? say : undefined);
  const failure = failureOf(run, result);
  if (failure !== undefined) {
    reportFailure(failure, shrink && !trace);
    return 1;
  }
  if (!('kind' in result)) for (const line of summary(totalsOf(result))) say(line);
  say(`seed ${run.seed} held`);
  return 0;
}

async function runMany(
  chunks: Iterator<Chunk>,
  seeds: number,
  { jobs, keepGoing, shrink }: Manner,
  protocol?: SimulatedProtocol,
): Promise<number> {
  const progress = new Progress(seeds);
  const failures: Failure[] = [];
  let isInterrupted = false;
  process.once('SIGINT', () => {
    isInterrupted = true;
  });
  const processes = Math.min(jobs, seeds);
  await dealOut({
    chunks,
    jobs: processes,
    onResult: (result) => {
      failures.push(...result.failures);
      progress.add(result);
    },
    // What has been dealt is finished, so that the first failure is the first for any --jobs.
    isOver: () => isInterrupted || (failures.length > 0 && !keepGoing),
  });
  const wallMs = progress.end();
  failures.sort((one, other) => one.seed - other.seed);
  for (const line of summary(progress.totals, wallMs, processes)) say(line);
  for (const line of checkedRows(protocol)) say(line);
  const [first] = failures;
  if (first !== undefined) {
    say('');
    for (const { seed, checker } of failures) say(`seed ${seed} failed: ${checker}`);
    say('');
    reportFailure(first, shrink);
    return 1;
  }
  say(isInterrupted ? 'interrupted: what was run held' : 'all of them held');
  return isInterrupted ? INTERRUPTED : 0;
}

function* chunksOf(command: Extract<Command, { kind: 'seeds' }>): Generator<Chunk> {
  const { first, last, settings, manner } = command;
  for (let from = first; from <= last; from += CHUNK) {
    const to = Math.min(last, from + CHUNK - 1);
    yield { first: from, last: to, settings, keepGoing: manner.keepGoing };
  }
}

function* regressionChunks(runs: readonly Run[], { keepGoing }: Manner): Generator<Chunk> {
  for (const { seed, settings } of runs) yield { first: seed, last: seed, settings, keepGoing };
}

/** What went wrong, as small as it can be made, and how to run it again. */
function reportFailure(failure: Failure, isToShrink: boolean): void {
  if (failure.kind === 'error' || !isToShrink) {
    say(`seed ${failure.seed} fails: ${failure.message}`);
    say(`run it again: ${commandFor(failure)}`);
    return;
  }
  const shrunk = shrinkWithProgress(failure);
  const run = varied(failure, shrunk.variation);
  const trace: string[] = [];
  carryOut(run, (line) => trace.push(line));
  for (const line of failureReport(shrunk, trace, commandFor(run))) say(line);
}

function shrinkWithProgress(failure: Failure): Shrunk {
  const failed = carryOut(failure);
  let runs = 0;
  let shownAt = Date.now();
  const attempt = (variation: Shrunk['variation']): RunReport => {
    runs++;
    if (Date.now() - shownAt > 1000) {
      const { length } = variation.keep ?? [];
      process.stderr.write(
        `sim: shrinking seed ${failure.seed}: ${runs} runs, at ${length} faults\n`,
      );
      shownAt = Date.now();
    }
    const result = tryOut(varied(failure, variation));
    // Where the simulator itself fails is not what is looked for.
    return 'kind' in result ? { ...failed, violation: undefined } : result;
  };
  return shrink(failed, attempt);
}

const commandFor = (run: Run): string => `npm run sim -- ${flagsOfRun(run)} --trace`;

async function plantBugs(flags: readonly string[]): Promise<number> {
  const program = join(__dirname, 'planted_bugs.js');
  const child = spawn(process.execPath, [program, ...flags], { stdio: 'inherit' });
  // Ctrl-C reaches the child too, which cleans up.
  process.on('SIGINT', () => undefined);
  const [code] = await once(child, 'close');
  return typeof code === 'number' ? code : 1;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Refusal(`--regressions cannot be read: ${(error as Error).message}`, 2);
  }
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

// Whoever has read enough of a trace closes the pipe.
process.stdout.on('error', () => process.exit(1));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`sim: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = error instanceof Refusal ? error.code : 1;
  },
);
