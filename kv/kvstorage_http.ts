/**
 * The service as a process: the command line, a node, and HTTP in front of it.
 *
 *     kvstorage_http 8080 127.0.0.1:6000 127.0.0.1:6001 127.0.0.1:6002
 */

import type { Server } from 'node:http';
import { parseCommandLine } from './command_line';
import type { NodeConfig } from './config';
import { ConvergentService } from './convergent_service/convergent_service';
import { DynamoService } from './dynamo_service/dynamo_service';
import { createConvergentServer } from './http/convergent_server';
import { createDynamoServer } from './http/dynamo_server';
import { createLogServer } from './http/log_server';
import type { HttpOptions } from './http/options';
import { createHttpServer, type HttpServer } from './http/server';
import { KVStorage } from './kvstorage';
import { ReplicatedLogService } from './log_service/log_service';
import { superviseProcess } from './runtime/lifecycle';
import { createLogger, type Logger } from './runtime/logger';

/** The exit code when the node cannot start: a port or a folder in use, a damaged folder. */
const EXIT_CANNOT_START = 1;

async function main(): Promise<void> {
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine.kind === 'exit') {
    process.stdout.write(commandLine.stdout ?? '');
    process.stderr.write(commandLine.stderr ?? '');
    process.exitCode = commandLine.code;
    return;
  }
  const { config, warnings } = commandLine;
  const log = createLogger({
    node: config.nodeId,
    level: config.logLevel,
    format: config.logFormat,
  });
  for (const warning of warnings) log.warn(warning);
  try {
    await run(config, log);
  } catch (error) {
    process.stderr.write(`kvstorage_http: ${error instanceof Error ? error.message : error}\n`);
    process.exit(EXIT_CANNOT_START);
  }
}

async function run(config: NodeConfig, log: Logger): Promise<void> {
  let served: ServedNode | undefined;
  const lifecycle = superviseProcess({
    log,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    stop: async () => {
      // The node first answers what is under way; HTTP waits for those answers to be sent.
      const drained = served?.http.drain();
      await served?.node.close();
      await drained;
    },
  });
  const onTrace = log.debugOn ? (line: string) => log.debug(line) : undefined;
  const settings: HttpOptions = {
    onError: lifecycle.die,
    maxKeyBytes: config.maxKeyBytes,
    maxBodyBytes: config.maxBodyBytes,
    maxConnections: config.maxConnections,
    drainTimeoutMs: config.shutdownTimeoutMs,
  };
  served = await openNode(config, { log, onFatal: lifecycle.die, onTrace }, settings);
  const port = await listen(served.http.server, config);
  log.info(`serves HTTP on http://${config.httpHost}:${port}`, { pid: process.pid });
}

interface Hooks {
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
  readonly onTrace: ((line: string) => void) | undefined;
}

/** A node, and the server in front of it that does not listen yet. */
interface ServedNode {
  readonly node: { close(): Promise<void> };
  readonly http: HttpServer;
}

async function openNode(
  config: NodeConfig,
  hooks: Hooks,
  settings: HttpOptions,
): Promise<ServedNode> {
  if (config.protocol === 'dynamo') {
    const node = await DynamoService.open(config, hooks);
    return { node, http: createDynamoServer(node, settings) };
  }
  if (config.protocol === 'convergent') {
    const node = await ConvergentService.open(config, hooks);
    const http = createConvergentServer(node, settings);
    node.attach(http.server);
    return { node, http };
  }
  if (config.protocol === 'log') {
    const node = await ReplicatedLogService.open(config, hooks);
    const http = createLogServer(node, settings);
    node.attach(http.server);
    return { node, http };
  }
  const { peerPort: _port, seed: _seed, publicUrl: _url, peers: _peers, ...options } = config;
  const node = await KVStorage.open({ ...options, ...hooks, ofProcess: true });
  return { node, http: createHttpServer(node, settings) };
}

function listen(server: Server, { httpHost, httpPort }: NodeConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      const why = inUse ? 'is in use by another process; choose another port' : error.message;
      reject(new Error(`the HTTP address ${httpHost}:${httpPort} ${why}`));
    });
    server.listen(httpPort, httpHost, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : httpPort);
    });
  });
}

void main();
