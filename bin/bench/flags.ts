/** The command line of `npm run bench`: what it may say, and what is measured when it says nothing. */

import yargs from 'yargs/yargs';
import { keysFor, type Shape, WAYS, type Way, WORKLOADS } from './workload';

export interface Flags {
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  /** Undefined: as the number of measurements allows. */
  readonly seconds: number | undefined;
  /** How long each system works before it is measured. */
  readonly warmUpSeconds: number;
  /** Be done in under a minute, and start clusters once. */
  readonly quick: boolean;
  readonly peers: readonly string[];
  readonly ceiling: boolean;
  readonly jsonFile: string | undefined;
  readonly svgFile: string | undefined;
}

/** The command line makes no sense; its message is one line. */
export class FlagError extends Error {}

const STANDARD = 'put@1,put@64,put@256,get@64,embedded@64,embedded@256';
const QUICK = 'put@1,put@64,put@256,get@64';
const STANDARD_SVG = 'images/benchmarks.svg';
const STANDARD_ROUNDS = '5';
const QUICK_ROUNDS = '3';
const STANDARD_SECONDS = '3';
const MOST = { clients: 10_000, nodes: 9, values: 2 ** 20, rounds: 1000, keys: 10_000_000 };
const STANDARD_WARM_UP = '5';
const LEAST_SECONDS = 0.05;
const MOST_SECONDS = 3600;

/** Undefined when only the help was asked for, which `print` has got then. */
export function readFlags(
  args: readonly string[],
  peers: readonly string[],
  print: (text: string) => void,
): Flags | undefined {
  let flags: Flags | undefined;
  parserOf(peers).parseSync([...args], {}, (error, values, output) => {
    if (error) throw new FlagError(String(error.message ?? error).replace(/\s+/g, ' '));
    if (output) print(output);
    else flags = flagsFrom(values, peers);
  });
  return flags;
}

const text = (describe: string, standard?: string) => ({
  ...({ describe, type: 'string', requiresArg: true } as const),
  ...(standard === undefined ? {} : { default: standard }),
});

function parserOf(peers: readonly string[]) {
  return yargs()
    .scriptName('npm run bench --')
    .usage('$0 [flags]\n\nMeasures three durable nodes on this machine, beside what you name.')
    .option('workload', text(`of ${WORKLOADS.join(', ')}; 'put@64' is put by 64 clients`))
    .option('clients', text('for workloads without @; each has one request under way', '64'))
    .option('nodes', text('nodes of a cluster', '3'))
    .option('values', text('bytes of a value', '256'))
    .option('through', text(`nodes that clients talk to: ${WAYS.join(', ')}`, 'leader'))
    .option('keys', text('how many keys there are', '10000'))
    .option('rounds', text(`rounds, of which the median counts [${STANDARD_ROUNDS}]`))
    .option('seconds', text(`seconds of a round [${STANDARD_SECONDS}]`))
    .option('warmup', text(`seconds of work before the rounds [${STANDARD_WARM_UP}, quick: 0]`))
    .option('quick', { describe: 'a look of under a minute', type: 'boolean' })
    .option('peer', text(`what to compare with, of ${peers.join(', ')}`, ''))
    .option('ceiling', { describe: 'compare with bare node:http and fdatasync', type: 'boolean' })
    .option('json', text('a file for the result'))
    .option('svg', { describe: `a file for the picture; ${STANDARD_SVG} if empty`, type: 'string' })
    .epilogue('Lists are separated by commas; every combination is measured.')
    .parserConfiguration({ 'parse-numbers': false, 'boolean-negation': false })
    .demandCommand(0, 0)
    .strict()
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .detectLocale(false);
}

type Values = { readonly [flag: string]: unknown };

function flagsFrom(values: Values, peers: readonly string[]): Flags {
  const quick = values.quick === true;
  const given = (name: string, standard: string) => String(values[name] ?? standard);
  const seconds = secondsFrom('seconds', given('seconds', STANDARD_SECONDS), LEAST_SECONDS);
  const warmUp = given('warmup', quick ? '0' : STANDARD_WARM_UP);
  const file = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    shapes: shapesFrom(values, quick),
    rounds: number('rounds', given('rounds', quick ? QUICK_ROUNDS : STANDARD_ROUNDS), MOST.rounds),
    seconds: quick && values.seconds === undefined ? undefined : seconds,
    warmUpSeconds: secondsFrom('warmup', warmUp, 0),
    quick,
    peers: listOf(values.peer).map((name) => oneOf('peer', name, peers)),
    ceiling: values.ceiling === true,
    jsonFile: file('json'),
    svgFile: file('svg') === '' ? STANDARD_SVG : file('svg'),
  };
}

/** Every combination of what was named. */
function shapesFrom(values: Values, quick: boolean): Shape[] {
  const workloads = listOf(values.workload ?? (quick ? QUICK : STANDARD));
  const numbers = (name: string, most: number) =>
    listOf(values[name]).map((item) => number(name, item, most));
  const clients = numbers('clients', MOST.clients);
  const wantedKeys = number('keys', String(values.keys), MOST.keys);
  return combinations(
    workloads.flatMap((item) => workloadFrom(item, clients)),
    numbers('nodes', MOST.nodes),
    numbers('values', MOST.values),
    listOf(values.through).map((way) => oneOf('through', way, WAYS)),
  ).map(([work, nodes, valueBytes, through]) => {
    const keys = keysFor(wantedKeys, valueBytes);
    return { ...work, nodes, valueBytes, through, keys };
  });
}

type Work = Pick<Shape, 'workload' | 'clients'>;

/** `put@64`, or `put` by each of the numbers of clients. */
function workloadFrom(item: string, clients: readonly number[]): Work[] {
  const [name = '', count, ...rest] = item.split('@');
  const workload = oneOf('workload', rest.length > 0 ? item : name, WORKLOADS);
  if (count === undefined) return clients.map((one) => ({ workload, clients: one }));
  return [{ workload, clients: number('workload', count, MOST.clients) }];
}

/** The last list varies fastest. */
function combinations(
  works: readonly Work[],
  nodes: readonly number[],
  sizes: readonly number[],
  ways: readonly Way[],
): (readonly [Work, number, number, Way])[] {
  return nodes.flatMap((node) =>
    sizes.flatMap((size) =>
      works.flatMap((work) => ways.map((way) => [work, node, size, way] as const)),
    ),
  );
}

const listOf = (value: unknown): string[] =>
  typeof value === 'string' ? value.split(',').filter((item) => item !== '') : [];

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new FlagError(`--${flag} must be of ${allowed.join(', ')}, not '${value}'`);
}

function number(flag: string, value: string, most: number): number {
  const found = /^\d+$/.test(value) ? Number(value) : 0;
  if (found >= 1 && found <= most) return found;
  throw new FlagError(`--${flag} must be a whole number from 1 to ${most}, not '${value}'`);
}

function secondsFrom(flag: string, value: string, least: number): number {
  const found = value.trim() === '' ? Number.NaN : Number(value);
  if (found >= least && found <= MOST_SECONDS) return found;
  throw new FlagError(`--${flag} must be a number from ${least} to ${MOST_SECONDS}`);
}
