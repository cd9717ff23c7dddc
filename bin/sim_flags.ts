/** The command line of `npm run sim`: arguments in, what to do out, or one clear line. */

import { availableParallelism } from 'node:os';
import yargs from 'yargs/yargs';
import { FAULT_KINDS } from '../kv/sim/faults';
import { SIMPLIFICATIONS, type Simplification } from '../kv/sim/variation';
import { DISK_KINDS, type Run, type Settings, SIMULATED_PROTOCOLS } from './sim_run';

/** How a program of several processes goes about it. */
export interface Manner {
  readonly jobs: number;
  readonly keepGoing: boolean;
  readonly shrink: boolean;
}

export type Command =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'one'; readonly run: Run; readonly trace: boolean; readonly shrink: boolean }
  | {
      readonly kind: 'seeds';
      readonly first: number;
      readonly last: number;
      readonly settings: Settings;
      readonly manner: Manner;
    }
  | { readonly kind: 'regressions'; readonly file: string; readonly manner: Manner }
  | { readonly kind: 'planted_bugs'; readonly flags: readonly string[] };

/** An ending that needs one line and no stack. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message);
  }
}

type Mode = Exclude<Command['kind'], 'help'>;

interface Flag {
  readonly help: string;
  readonly modes: readonly Mode[];
  readonly isSwitch?: boolean;
  readonly isList?: boolean;
  readonly standard?: string;
}

const RUNS: readonly Mode[] = ['one', 'seeds'];
const MANY: readonly Mode[] = ['seeds', 'regressions'];
const listOf = (names: readonly string[]): string => names.join(', ');

const FLAGS: Readonly<Record<string, Flag>> = {
  seeds: { help: 'how many seeds to run', modes: ['seeds'], standard: '100' },
  from: { help: 'the first of the seeds', modes: ['seeds'], standard: '1' },
  jobs: {
    help: 'processes at a time',
    modes: [...MANY, 'planted_bugs'],
    standard: 'number of CPUs',
  },
  'keep-going': { help: 'go on after a seed has failed', modes: MANY, isSwitch: true },
  'no-shrink': {
    help: 'do not make a failed run smaller',
    modes: [...MANY, 'one'],
    isSwitch: true,
  },
  seed: { help: 'run this seed only', modes: ['one'] },
  trace: { help: 'print all that happens (with --seed)', modes: ['one'], isSwitch: true },
  keep: { help: 'numbers of the faults that come, like 3,7, or none', modes: ['one'] },
  simplify: {
    help: `make the world calmer: ${listOf(Object.keys(SIMPLIFICATIONS))}`,
    modes: RUNS,
  },
  duration: { help: 'how long faults come, in simulated ms', modes: RUNS, standard: 'drawn' },
  nodes: { help: 'nodes of the cluster', modes: RUNS, standard: 'drawn' },
  faults: { help: `kinds of faults that may come, or none: ${listOf(FAULT_KINDS)}`, modes: RUNS },
  disk: {
    help: 'what is below the nodes: model (a model of a disk), journal (the real journal on simulated files), mixed (journal for every fourth seed)',
    modes: RUNS,
    standard: 'mixed',
  },
  protocol: {
    help: `the protocol: ${listOf(SIMULATED_PROTOCOLS)}`,
    modes: [...RUNS, 'planted_bugs'],
    standard: 'raft',
  },
  regressions: {
    help: 'run the lines of this file, flags of one run each',
    modes: ['regressions'],
  },
  'planted-bugs': {
    help: 'plant known bugs, one at a time, and run seeds until each is found',
    modes: ['planted_bugs'],
    isSwitch: true,
  },
  'max-seeds': { help: 'seeds for each planted bug', modes: ['planted_bugs'] },
  bug: { help: 'only the planted bug of this name', modes: ['planted_bugs'], isList: true },
};

type Values = Readonly<Record<string, unknown>>;

/** Throws a {@link Refusal} with code 2 for flags that make no sense. */
export function readFlags(args: readonly string[]): Command {
  const read = parse(args);
  if ('help' in read) return { kind: 'help', text: read.help };
  const { values } = read;
  for (const [name, { isList }] of Object.entries(FLAGS)) {
    if (Array.isArray(values[name]) && !isList) refuse(`--${name} was given more than once`);
  }
  const mode = modeOf(values);
  for (const [name, { modes }] of Object.entries(FLAGS)) {
    if (values[name] !== undefined && !modes.includes(mode)) refuse(misplaced(name, modes, mode));
  }
  return commandOf(mode, values);
}

function parse(args: readonly string[]): { values: Values } | { help: string } {
  const parser = yargs()
    .scriptName('npm run sim --')
    .usage('$0 [flags]\n\nRuns clusters in a simulated world where everything goes wrong.')
    .example('$0 --seeds 1000', 'a thousand seeds')
    .example('$0 --seed 42 --trace', 'one seed, and all that happens')
    .parserConfiguration({
      ...{ 'parse-numbers': false, 'boolean-negation': false, 'dot-notation': false },
      ...{ 'camel-case-expansion': false },
    })
    .demandCommand(0, 0)
    .strict()
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .detectLocale(false)
    .wrap(100);
  for (const [name, { help, isSwitch = false, standard }] of Object.entries(FLAGS)) {
    const form = isSwitch
      ? { type: 'boolean' as const }
      : { requiresArg: true, ...(standard && { defaultDescription: standard }) };
    parser.option(name, { describe: help, ...form });
  }
  let result: { values: Values } | { help: string } = { help: '' };
  parser.parseSync([...args], {}, (error, values, output) => {
    if (error) refuse(String(error.message ?? error).replace(/\s+/g, ' '));
    result = output ? { help: output } : { values };
  });
  return result;
}

function modeOf(values: Values): Mode {
  if (values['planted-bugs'] !== undefined) return 'planted_bugs';
  if (values.regressions !== undefined) return 'regressions';
  return values.seed === undefined ? 'seeds' : 'one';
}

/** The flag by which a mode is chosen; `seeds` is chosen by having none of them. */
const CHOSEN_BY: Record<Mode, string> = {
  planted_bugs: '--planted-bugs',
  regressions: '--regressions',
  one: '--seed',
  seeds: '--seeds',
};

function misplaced(name: string, modes: readonly Mode[], mode: Mode): string {
  const needed = modes.map((each) => CHOSEN_BY[each]).join(' or ');
  return mode === 'seeds'
    ? `--${name} needs ${needed}`
    : `--${name} does not go with ${CHOSEN_BY[mode]}; it goes with ${needed}`;
}

const MAX_JOBS = 256;
const MAX_NODES = 15;
const MAX_DURATION_MS = 3_600_000;

function commandOf(mode: Mode, values: Values): Command {
  const manner = () => ({
    jobs: number(values, 'jobs', 1, MAX_JOBS) ?? availableParallelism(),
    keepGoing: values['keep-going'] === true,
    shrink: values['no-shrink'] !== true,
  });
  switch (mode) {
    case 'one': {
      const seed = number(values, 'seed', 0, Number.MAX_SAFE_INTEGER) ?? 0;
      const { shrink } = manner();
      const trace = values.trace === true;
      return { kind: mode, run: { seed, settings: settingsOf(values) }, trace, shrink };
    }
    case 'seeds': {
      const first = number(values, 'from', 0, 2 ** 52) ?? 1;
      const last = first + (number(values, 'seeds', 1, 2 ** 32) ?? 100) - 1;
      return { kind: mode, first, last, settings: settingsOf(values), manner: manner() };
    }
    case 'regressions':
      return { kind: mode, file: String(values.regressions), manner: manner() };
    case 'planted_bugs':
      return { kind: mode, flags: plantedBugFlags(values) };
  }
}

function settingsOf(values: Values): Settings {
  const nodes = number(values, 'nodes', 1, MAX_NODES);
  const durationMs = number(values, 'duration', 1, MAX_DURATION_MS);
  const kinds = names(values, 'faults', FAULT_KINDS);
  const keep = list(values, 'keep')?.map((text) => {
    const fault = wholeNumber(text);
    if (fault === undefined) refuse(`--keep takes numbers of faults, like 3,7, not ${shown(text)}`);
    return fault;
  });
  const simplify = names(values, 'simplify', Object.keys(SIMPLIFICATIONS) as Simplification[]);
  const disk = DISK_KINDS.find((kind) => kind === (values.disk ?? 'mixed'));
  if (disk === undefined) {
    return refuse(`--disk must be one of ${listOf(DISK_KINDS)}, not ${shown(values.disk)}`);
  }
  return { protocol: protocolOf(values), disk, nodes, durationMs, kinds, keep, simplify };
}

function protocolOf(values: Values): Settings['protocol'] {
  const protocol = SIMULATED_PROTOCOLS.find((one) => one === (values.protocol ?? 'raft'));
  return (
    protocol ??
    refuse(
      `--protocol must be one of ${listOf(SIMULATED_PROTOCOLS)}, not ${shown(values.protocol)}`,
    )
  );
}

/** Checked here, passed on as they are. */
function plantedBugFlags(values: Values): string[] {
  const jobs = number(values, 'jobs', 1, MAX_JOBS);
  const maxSeeds = number(values, 'max-seeds', 1, 2 ** 32);
  const bugs = [values.bug ?? []].flat();
  const protocol = values.protocol === undefined ? undefined : protocolOf(values);
  return [
    ...(protocol === undefined ? [] : ['--protocol', protocol]),
    ...(jobs === undefined ? [] : ['--jobs', String(jobs)]),
    ...(maxSeeds === undefined ? [] : ['--max-seeds', String(maxSeeds)]),
    ...bugs.flatMap((bug) => ['--bug', String(bug)]),
  ];
}

function number(values: Values, name: string, least: number, most: number): number | undefined {
  const given = values[name];
  if (given === undefined) return undefined;
  const value = wholeNumber(String(given));
  if (value !== undefined && value >= least && value <= most) return value;
  return refuse(`--${name} must be a whole number from ${least} to ${most}, not ${shown(given)}`);
}

/** The elements of a list with commas; `none` is the empty one. */
function list(values: Values, name: string): string[] | undefined {
  const given = values[name];
  if (given === undefined) return undefined;
  return given === 'none' ? [] : String(given).split(',');
}

function names<T extends string>(values: Values, name: string, all: readonly T[]): T[] | undefined {
  return list(values, name)?.map((text) => {
    const found = all.find((each) => each === text);
    return found ?? refuse(`--${name} knows no ${shown(text)}, only ${listOf(all)}`);
  });
}

const wholeNumber = (text: string): number | undefined =>
  /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;

const shown = (value: unknown): string => JSON.stringify(value);

const BAD_USAGE = 2;

function refuse(message: string): never {
  throw new Refusal(`${message} (--help explains)`, BAD_USAGE);
}
