/**
 * `npm run bench`: what three durable nodes on this machine do, beside its ceilings and beside other
 * systems, if they are installed. All take turns within one run, because only such ratios mean
 * anything on a shared machine. See docs/benchmarks.md for what is measured and what is not.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagError, type Flags, readFlags } from './flags';
import { pictureOf } from './picture';
import { type Report, reportText, thisMachine } from './report';
import { type Listener, type Plan, runPlan } from './rounds';
import type { System } from './system';
import { CEILINGS, OWN, PEERS } from './systems/systems';
import { LEGEND, tableOf } from './table';

const QUICK_BUDGET_SECONDS = 30;

async function main(args: readonly string[]): Promise<void> {
  const begunAt = new Date();
  const flags = readFlags(args, Object.keys(PEERS), (text) => process.stdout.write(`${text}\n`));
  if (flags === undefined) return;
  const systems = installed([
    ...OWN,
    ...flags.peers.flatMap((name) => PEERS[name] ?? []),
    ...(flags.ceiling ? CEILINGS : []),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-bench-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // What was started is killed on exit.
    process.once(signal, () => process.exit(1));
  }
  const plan = planOf(flags, systems, folder);
  introduce(plan);
  const rows = await runPlan(plan, listener());
  progress('');
  const { rounds, seconds: secondsPerRound, warmUpSeconds } = plan;
  const command = ['npm run bench --', ...args].join(' ');
  const machine = thisMachine();
  const work = { rounds, secondsPerRound, warmUpSeconds };
  const report = { date: begunAt.toISOString(), command, machine, ...work, rows };
  if (flags.jsonFile !== undefined) writeFileSync(flags.jsonFile, reportText(report));
  if (flags.svgFile !== undefined) writeFileSync(flags.svgFile, pictureOf(rows, captionOf(report)));
}

/** Where and when, for whoever sees the picture alone. */
function captionOf({ machine, date, rounds }: Report): string {
  const { processor, cores, node } = machine;
  const where = `${processor}, ${cores} cores for all nodes and the load, Node ${node.slice(1)}`;
  return `${where}; ${date.slice(0, 10)}; medians of ${rounds} alternating rounds`;
}

/** Says what is missing and goes on without it. */
function installed(systems: readonly System[]): System[] {
  return systems.filter((system) => {
    const missing = system.missing();
    if (missing !== undefined) say(`without ${system.name}: ${missing}`);
    return missing === undefined;
  });
}

function planOf(flags: Flags, systems: readonly System[], folder: string): Plan {
  const { shapes, rounds, quick, warmUpSeconds } = flags;
  const seconds = flags.seconds ?? quickSeconds(shapes.length * rounds * systems.length);
  return { shapes, systems, rounds, seconds, fresh: !quick, warmUpSeconds, folder };
}

/** What is left for each measurement, to a tenth. */
function quickSeconds(measurements: number): number {
  return Math.max(1, Math.min(10, Math.floor((10 * QUICK_BUDGET_SECONDS) / measurements))) / 10;
}

function introduce({ shapes, systems, rounds, seconds, warmUpSeconds }: Plan): void {
  const count = (shape: (typeof shapes)[number]) =>
    systems.filter((system) => system.lacks(shape) === undefined).length;
  const contenders = shapes.reduce((total, shape) => total + count(shape), 0);
  const each = rounds * (seconds + 0.7) + warmUpSeconds + 5;
  const minutes = Math.ceil((contenders * each) / 60);
  say(`${contenders * rounds} measurements of ${seconds} s; about ${minutes} min in all`);
  for (const { name, promise } of systems) say(`${name}: ${promise}`);
  for (const line of LEGEND) say(line);
}

function listener(): Listener {
  return {
    onStep: progress,
    onRows: (rows) => {
      progress('');
      say(['', ...tableOf(rows)].join('\n'));
    },
    onFailure: (system, error) => {
      progress('');
      process.stderr.write(`bench: ${system}: ${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 1;
    },
  };
}

/** The line that says what goes on, where a person looks; it is overwritten by what comes next. */
function progress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

main(process.argv.slice(2))
  .catch((error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = error instanceof FlagError ? 2 : 1;
  })
  // What is left of a system that did not start must not keep this process alive.
  .finally(() => process.stdout.write('', () => process.exit()));
