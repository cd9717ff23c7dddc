/** Ports that nobody listens on, for clusters that must not get in each other's way. */

import { createServer, type Server } from 'node:net';

/** Below the range from which systems take the ports of outgoing connections. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/** Different ports that are free now. They stay free unless somebody else takes one by number. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const servers: Server[] = [];
  let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  for (let tries = 0; servers.length < count; tries++) {
    if (tries > HIGHEST - LOWEST) throw new Error(`${host} has no ${count} free ports`);
    port = port < HIGHEST ? port + 1 : LOWEST;
    const server = await listenOn(host, port);
    if (server) servers.push(server);
  }
  // All are held until the last is found, so that no port is found twice.
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listenOn(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a port has a number');
  return address.port;
}
