/**
 * The command line of `kvstorage_http`: arguments in, a checked configuration out, or the text and
 * the code to exit with. Nothing here ends the process, so all of it can be tested as a function.
 *
 * A mistake gives one clear line for each problem, never a page of help: the help is long, and the
 * line that matters would scroll away.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs/yargs';
import { FLAGS, kebab, protocolOf, UNITS } from './command_flags';
import { type ConfigOptions, configFrom, type NodeConfig } from './config';
import type { LogConfigOptions } from './config_log';
import {
  CONVERGENT_NUMBERS,
  DYNAMO_NUMBERS,
  LOG_NUMBERS,
  NODE_NUMBERS,
  type NumberSetting,
  RAFT_NUMBERS,
} from './config_numbers';
import { isNamedByUrl } from './config_urls';
import { VERSION } from './version';

export type CommandLine =
  | { readonly kind: 'run'; readonly config: NodeConfig; readonly warnings: readonly string[] }
  | {
      readonly kind: 'exit';
      readonly code: number;
      readonly stdout?: string;
      readonly stderr?: string;
    };

const PROGRAM = 'kvstorage_http';
/** The exit code for a command line that makes no sense. */
const BAD_USAGE = 2;

export function parseCommandLine(args: readonly string[]): CommandLine {
  const misspelt = flagMistakes(args);
  if (misspelt.length > 0) return badUsage(misspelt);
  const { values, output, mistake } = readArguments(args);
  if (mistake !== undefined) return badUsage([mistake]);
  if (output !== '') return { kind: 'exit', code: 0, stdout: `${output}\n` };
  const mistakes: string[] = [];
  const options = optionsFrom(values, mistakes);
  if (mistakes.length > 0) return badUsage(mistakes);
  const result = configFrom(options);
  if ('problems' in result) return badUsage(result.problems.map(({ message }) => inFlags(message)));
  const foreign = foreignFlags(values, result.config.protocol);
  if (foreign.length > 0) return badUsage(foreign);
  const warnings = result.warnings.map(({ message }) => inFlags(message));
  return { kind: 'run', config: result.config, warnings };
}

function badUsage(mistakes: readonly string[]): CommandLine {
  const lines = mistakes.map((mistake) => `${PROGRAM}: ${mistake} (${PROGRAM} --help explains)\n`);
  return { kind: 'exit', code: BAD_USAGE, stderr: lines.join('') };
}

/**
 * What is wrong with the flags as they were typed. yargs would take the positionals' names as flags,
 * call a switch of any other value off, stop at the names that all objects have, and put aside what
 * stands behind `--`.
 */
function flagMistakes(args: readonly string[]): string[] {
  const mistakes: string[] = [];
  const unknown: string[] = [];
  const given = new Set<string>();
  for (const arg of args.filter((one) => /^-(?!$|\.?[0-9])/.test(one))) {
    const [dashedName = '', ...values] = arg.split('=');
    const name = /^--(?=[^-])/.test(dashedName) ? dashedName.slice(2) : '';
    const flag = FLAGS.find((one) => one.name === name);
    if (flag === undefined && name !== 'help' && name !== 'version') unknown.push(dashedName);
    if (flag === undefined) continue;
    if (given.has(name)) mistakes.push(`${dashedName} was given more than once`);
    given.add(name);
    const value = values.join('=');
    if (flag.isSwitch === true && values.length > 0 && value !== 'true' && value !== 'false') {
      mistakes.push(`${dashedName} is true or false, not ${JSON.stringify(value)}`);
    }
  }
  return unknown.length > 0 ? [`unknown flag ${unknown.join(', ')}`, ...mistakes] : mistakes;
}

/** Flags that would say nothing, because the node replicates in another way. */
function foreignFlags(values: Values, protocol: string): string[] {
  return FLAGS.filter(({ group, name }) => {
    const owner = protocolOf(group);
    return owner !== undefined && owner !== protocol && values[name] !== undefined;
  }).map(
    ({ group, name }) => `--${name} is for the protocol ${protocolOf(group)}, not for ${protocol}`,
  );
}

interface Values {
  readonly http_port?: unknown;
  readonly self?: unknown;
  readonly partners?: unknown;
  readonly [flag: string]: unknown;
}

/** What yargs makes of the arguments. All values stay texts, so that we say what is wrong. */
function readArguments(args: readonly string[]) {
  let read = { values: {} as Values, output: '', mistake: undefined as string | undefined };
  const parser = yargs()
    .scriptName(PROGRAM)
    .command('$0 <http_port> [self] [partners..]', 'Runs one node of the service.', (command) =>
      command
        .positional('http_port', { describe: 'port of the HTTP service; 0 takes any free one' })
        .positional('self', {
          describe: 'host:port where the other nodes reach this one; none for convergent and log',
        })
        .positional('partners', { describe: 'host:port of each other node' }),
    )
    .example(`${PROGRAM} 8080 127.0.0.1:6000`, 'a cluster of one')
    .example(`${PROGRAM} 8080 127.0.0.1:6000 127.0.0.1:6001 127.0.0.1:6002`, 'one of three')
    .example(`${PROGRAM} 8000 --protocol convergent`, 'a replica, known by its URL')
    .example(`${PROGRAM} 5001 --protocol log --master http://localhost:5000`, 'a secondary')
    .epilogue(
      'Sizes are in bytes or take a suffix: 512KiB, 16MiB, 1GiB. Times are in milliseconds.',
    )
    .parserConfiguration({
      ...{ 'parse-numbers': false, 'parse-positional-numbers': false, 'dot-notation': false },
      ...{ 'boolean-negation': false, 'camel-case-expansion': false },
    })
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .detectLocale(false)
    .version(VERSION)
    .wrap(100);
  for (const { name, group, help, standard, isSwitch = false } of FLAGS) {
    const kind = isSwitch ? { boolean: true } : { requiresArg: true };
    parser.option(name, { describe: help, group, defaultDescription: standard, ...kind });
  }
  try {
    parser.parseSync([...args], {}, (error, values, output) => {
      read = { values, output, mistake: error ? mistakeFrom(error) : undefined };
    });
  } catch (error) {
    return { ...read, mistake: mistakeFrom(error) };
  }
  return read;
}

/** The complaints of yargs in our words: one line each, with the flag as it was typed. */
function mistakeFrom(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown arguments?: (.*)$/m.exec(message);
  if (unknown) return `unknown flag ${(unknown[1] ?? '').replace(/[^, ]+/g, dashed)}`;
  const valueless = /^Not enough arguments following: (.*)$/m.exec(message);
  if (valueless) return `${dashed(valueless[1] ?? '')} needs a value`;
  if (/^Not enough non-option arguments/.test(message)) return NEEDS;
  return message.replace(/\s+/g, ' ').trim();
}

const NEEDS = 'needs <http_port> <self host:port> [<partner host:port> ...]';

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

function optionsFrom(values: Values, mistakes: string[]): ConfigOptions {
  const text = (name: string): string | undefined =>
    values[name] === undefined ? undefined : String(values[name]);
  const numbersOf = (table: Readonly<Record<string, NumberSetting>>): Record<string, number> =>
    Object.fromEntries(
      Object.entries(table).flatMap(([name, { unit }]) => {
        const given = text(kebab(name));
        if (given === undefined) return [];
        const value = numberFrom(given, unit === 'bytes');
        if (value === undefined) mistakes.push(wrongNumber(kebab(name), given, unit));
        return [[name, value ?? 0]];
      }),
    );
  const httpPort = numberFrom(String(values.http_port), false);
  if (httpPort === undefined) {
    mistakes.push(`<http_port> must be a port, like 8080, not ${JSON.stringify(values.http_port)}`);
  }
  const protocol = text('protocol');
  const byUrl = isNamedByUrl(protocol ?? '');
  if (values.self === undefined && !byUrl) mistakes.push(NEEDS);
  if (values.self !== undefined && byUrl) mistakes.push(`<self> is not for ${protocol}`);
  const self = byUrl ? '' : String(values.self);
  const given = {
    ...numbersOf(NODE_NUMBERS),
    httpPort: httpPort ?? 0,
    nodeId: self,
    partners: ((values.partners ?? []) as readonly unknown[]).map(String),
    dataDir: text('data-dir') ?? join('data', String(httpPort || self.split(':').at(-1))),
    httpHost: text('http-host'),
    peerHost: text('peer-host'),
    clusterId: text('cluster-id'),
    secret: secretFrom(text('secret-file'), mistakes),
    raft: numbersOf(RAFT_NUMBERS),
    dynamo: numbersOf(DYNAMO_NUMBERS),
    convergent: numbersOf(CONVERGENT_NUMBERS),
    messageLog: { ...numbersOf(LOG_NUMBERS), ...logOptions(text, values) },
    peers: listFrom(text('peers')),
    publicUrl: text('public-url'),
    nodeName: text('node-name'),
    seed: text('seed'),
  };
  // `configFrom` checks these three against its lists and names what is allowed.
  const choices = {
    protocol,
    logLevel: text('log-level'),
    logFormat: text('log-format'),
  } as Pick<ConfigOptions, 'protocol' | 'logLevel' | 'logFormat'>;
  return { ...given, ...choices };
}

/** What is said of a node of the replicated log beside its numbers. */
function logOptions(text: (name: string) => string | undefined, values: Values): LogConfigOptions {
  return {
    master: text('master'),
    secondaries: listFrom(text('secondaries')),
    quorumAppend: values['quorum-append'] === true,
    existingLog: values['existing-log'] === true,
    allowClear: values['allow-clear'] === true,
    errorRate: rateFrom(text('error-rate')),
    // One of them or not: that is for the configuration to say.
    errorWhen: text('error-when') as LogConfigOptions['errorWhen'],
  };
}

/** A whole number in plain digits, for sizes also with a suffix; undefined for anything else. */
function numberFrom(text: string, isSize: boolean): number | undefined {
  const match = /^([0-9]{1,15})([KMG]iB)?$/.exec(text);
  if (!match || (match[2] && !isSize)) return undefined;
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}

/** A decimal fraction; what is none is left for the configuration to refuse. */
const rateFrom = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;

const listFrom = (text: string | undefined): string[] | undefined =>
  text?.split(',').filter((one) => one !== '');

function wrongNumber(flag: string, given: string, unit: NumberSetting['unit']): string {
  const wanted = {
    bytes: 'a size, like 65536 or 16MiB',
    ms: 'a whole number of milliseconds',
    count: 'a whole number',
  };
  return `--${flag} must be ${wanted[unit]}, not ${JSON.stringify(given)}`;
}

/** The secret is read from a file, because the arguments of a process are visible to all. */
function secretFrom(file: string | undefined, mistakes: string[]): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    mistakes.push(`--secret-file cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

/** Names options as the flags that set them: 'raft.heartbeatMs' becomes --heartbeat-ms. */
function inFlags(message: string): string {
  return message.replace(
    /'(?:raft\.|dynamo\.|convergent\.|messageLog\.)?([A-Za-z]+)'/g,
    (quoted, option: string) => {
      const positional = { httpPort: '<http_port>', nodeId: '<self>', partners: '<partner>' }[
        option
      ];
      if (positional) return positional;
      if (option === 'secret') return '--secret-file';
      return FLAGS.some(({ name }) => name === kebab(option)) ? `--${kebab(option)}` : quoted;
    },
  );
}
