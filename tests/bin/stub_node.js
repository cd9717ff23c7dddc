// A stand-in for a node of the service, for tests of the programs around it: it takes the same
// arguments, answers GET /admin/status, and takes for its leader the lowest id that it can reach.
'use strict';
const http = require('node:http');
const net = require('node:net');

const [httpPort, self, ...rest] = process.argv.slice(2);
const partners = rest.filter((one) => /^127\.0\.0\.1:[0-9]+$/.test(one));
if (rest.includes('--fail')) {
  console.error('first line');
  console.error('kvstorage_http: this stub was told to fail');
  process.exit(3);
}

const reaches = (id) =>
  new Promise((resolve) => {
    const socket = net.connect(Number(id.split(':')[1]), '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

async function status() {
  const reached = await Promise.all(partners.map(reaches));
  const alive = [self, ...partners.filter((_, i) => reached[i])].sort();
  const hasQuorum = alive.length * 2 > partners.length + 1;
  const leader = hasQuorum ? alive[0] : null;
  const state = leader === self ? 2 : 0;
  const indices = { raft_term: 1, commit_idx: 1, last_applied: 1 };
  return { self, state, leader, ...indices, has_quorum: hasQuorum, pid: process.pid, args: rest };
}

const peers = net.createServer((socket) => socket.on('error', () => undefined));
const server = http.createServer(async (_request, response) => {
  if (rest.includes('--mute')) return;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(await status()));
});
for (const [listener, port] of [
  [peers, Number(self.split(':')[1])],
  [server, Number(httpPort)],
]) {
  listener.on('error', (error) => {
    console.error(`kvstorage_http: ${error.message}`);
    process.exit(1);
  });
  listener.listen(port, '127.0.0.1');
}
console.error(`stub ${self} is up`);
const stop = () => process.exit(0);
process.on('SIGINT', stop);
process.on('SIGTERM', rest.includes('--stubborn') ? () => undefined : stop);
