/**
 * `npm start`: a whole cluster on this machine, in the foreground. Shows who leads, prints commands
 * to try, and stops all nodes on Ctrl-C. The nodes are the same as those of `create_serverN`, with
 * the same ports and data folders.
 */

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import yargs from 'yargs/yargs';
import {
  type Cluster,
  type ClusterNode,
  type ClusterOptions,
  type Exit,
  startCluster,
} from './cluster';

const ROOT = join(__dirname, '..', '..');
const POLL_MS = 250;

interface Flags {
  readonly nodes: number;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly dataDir: string;
  readonly verbose: boolean;
}

/** An ending that needs one line and no stack. */
class Refusal extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const flags = readFlags(args);
  if (!flags) return;
  const stopped = stopSignal();
  say(`starting ${flags.nodes} nodes, data in ${flags.dataDir}`);
  const cluster = await start(flags, stopped);
  try {
    await watch(cluster, stopped);
  } finally {
    say('stopping all nodes');
    await cluster.stop();
  }
}

async function start(flags: Flags, stopped: AbortSignal): Promise<Cluster> {
  const ports = (first: number) => Array.from({ length: flags.nodes }, (_, i) => first + i);
  // A node that cannot start is told once, by the error; what it said is a part of that.
  let hasStarted = false;
  const options: ClusterOptions = {
    nodes: flags.nodes,
    dataDir: flags.dataDir,
    httpPorts: ports(flags.httpPort),
    peerPorts: ports(flags.peerPort),
    flags: flags.verbose ? [] : ['--log-level', 'warn'],
    onLine: (node, line) => {
      const isNews = hasStarted && !stopped.aborted;
      if (isNews || flags.verbose) say(`node ${node.index} | ${line}`);
    },
    onExit: (node, exit, expected) => {
      const isNews = hasStarted && !expected && !stopped.aborted;
      if (isNews) say(`node ${node.index} ended: ${howEnded(exit)}`);
    },
  };
  try {
    const cluster = await startCluster(options);
    hasStarted = true;
    return cluster;
  } catch (error) {
    throw new Refusal((error as Error).message, 1);
  }
}

/** Tells of every change of leader until a signal comes or no node is left. */
async function watch(cluster: Cluster, stopped: AbortSignal): Promise<void> {
  let shown = 'no leader';
  let hints = false;
  while (!stopped.aborted) {
    if (!cluster.nodes.some((node) => node.isRunning)) throw new Refusal('all nodes ended', 1);
    const leader = await cluster.leader();
    const line = leader ? await leaderLine(leader) : 'no leader';
    if (line !== shown && !stopped.aborted) say(line);
    shown = line;
    if (leader && !hints) printHints(cluster);
    hints ||= leader !== undefined;
    await wait(POLL_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function leaderLine(leader: ClusterNode): Promise<string> {
  const status = await leader.status();
  const term = status ? ` of term ${status.raft_term}` : '';
  return `node ${leader.index} is the leader${term} (${leader.url})`;
}

function printHints(cluster: Cluster): void {
  const url = (index: number) => cluster.node(index % cluster.nodes.length).url;
  const post = (index: number, body: string) =>
    `  curl -i ${url(index)}/keys/pets -H 'Content-Type: application/json' -d '${body}'`;
  process.stdout.write(
    [
      '',
      'Any node takes any request. To try, in another terminal:',
      post(0, '{"type":"PUT","value":["cat"]}'),
      post(1, '{"type":"APPEND","value":"dog"}'),
      `  curl ${url(2)}/keys/pets`,
      `  curl ${url(0)}/admin/status`,
      'Ctrl-C stops all nodes.',
      '',
      '',
    ].join('\n'),
  );
}

/** The first signal asks for a graceful stop; a second one ends everything at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The nodes are killed on exit.
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  return controller.signal;
}

function readFlags(args: readonly string[]): Flags | undefined {
  const parser = yargs()
    .scriptName('start_cluster')
    .usage('$0 [flags]\n\nRuns a cluster on this machine until Ctrl-C.')
    .option('nodes', { describe: 'how many nodes', default: '3', requiresArg: true })
    .option('http-port', { describe: 'HTTP port of node 0', default: '8080', requiresArg: true })
    .option('peer-port', { describe: 'peer port of node 0', default: '6000', requiresArg: true })
    .option('data-dir', {
      describe: 'folder of all data',
      default: join(ROOT, 'data'),
      requiresArg: true,
    })
    .option('verbose', { describe: 'show the whole log of the nodes', type: 'boolean' })
    .parserConfiguration({ 'parse-numbers': false, 'boolean-negation': false })
    .demandCommand(0, 0)
    .strict()
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .detectLocale(false);
  let flags: Flags | undefined;
  parser.parseSync([...args], {}, (error, values, output) => {
    if (error) throw new Refusal(String(error.message ?? error).replace(/\s+/g, ' '), 2);
    if (output) process.stdout.write(`${output}\n`);
    else flags = flagsFrom(values);
  });
  return flags;
}

interface FlagValues {
  readonly verbose?: unknown;
  readonly [flag: string]: unknown;
}

function flagsFrom(values: FlagValues): Flags {
  const number = (name: string, most: number) => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new Refusal(`--${name} must be a whole number from 1 to ${most}`, 2);
  };
  return {
    nodes: number('nodes', 99),
    httpPort: number('http-port', 65_000),
    peerPort: number('peer-port', 65_000),
    dataDir: String(values['data-dir']),
    verbose: values.verbose === true,
  };
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const howEnded = ({ code, signal }: Exit): string => signal ?? `exit code ${code}`;

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`start_cluster: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = error instanceof Refusal ? error.code : 1;
});
