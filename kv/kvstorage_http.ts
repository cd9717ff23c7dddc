/**
 * The service as a process: the command line, a node, and HTTP in front of it.
 *
 *     kvstorage_http 8080 127.0.0.1:6000 127.0.0.1:6001 127.0.0.1:6002
 */

import type { Server } from 'node:http';
import { parseCommandLine } from './command_line';
import type { NodeConfig } from './config';
import { DynamoService } from './dynamo_service/dynamo_service';
import { createDynamoServer } from './http/dynamo_server';
import type { HttpOptions } from './http/options';
import { createHttpServer, type HttpServer } from './http/server';
import { KVStorage } from './kvstorage';
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
  let http: HttpServer | undefined;
  const lifecycle = superviseProcess({
    log,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    stop: async () => {
      // The node first answers what is under way; HTTP waits for those answers to be sent.
      const drained = http?.drain();
      await node.close();
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
  const node = await openNode(config, { log, onFatal: lifecycle.die, onTrace });
  http =
    node instanceof DynamoService
      ? createDynamoServer(node, settings)
      : createHttpServer(node, settings);
  const port = await listen(http.server, config);
  log.info(`serves HTTP on http://${config.httpHost}:${port}`, { pid: process.pid });
}

interface Hooks {
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
  readonly onTrace: ((line: string) => void) | undefined;
}

function openNode(config: NodeConfig, hooks: Hooks): Promise<KVStorage | DynamoService> {
  if (config.protocol === 'dynamo') return DynamoService.open(config, hooks);
  const { peerPort: _port, seed: _seed, publicUrl: _url, peers: _peers, ...options } = config;
  return KVStorage.open({ ...options, ...hooks, ofProcess: true });
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
