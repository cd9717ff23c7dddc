/**
 * The ceiling of HTTP: one process of bare `node:http` that takes the same requests whole and
 * answers them without doing anything.
 */

import { join } from 'node:path';
import { NODE_FLAGS } from '../../cluster';
import { GeneratedLoad } from '../generated_load';
import type { Running, System } from '../system';
import { Worker } from '../worker';

export const BARE_HTTP: System = {
  name: 'bare node:http',
  promise: 'answers and does nothing: one process, no disk, no peers',
  missing: () => undefined,
  lacks: () => undefined,
  start,
};

async function start(): Promise<Running> {
  const program = join(__dirname, 'bare_http_server.js');
  const server = new Worker(BARE_HTTP.name, [process.execPath, ...NODE_FLAGS, program]);
  // The server is ours and compiled with this: it answers `listen` with its port.
  const port = (await server.ask('listen')) as number;
  const load = new GeneratedLoad(BARE_HTTP.name);
  return {
    pids: [server.pid],
    loadPid: load.pid,
    prepare: async (shape, part) => {
      await server.ask('value', shape.valueBytes);
      await load.prepare({ protocol: 'http', ports: [port] }, shape, part);
    },
    go: () => load.go(),
    finish: () => load.finish(),
    stop: async () => {
      await load.stop();
      await server.stop();
    },
  };
}
