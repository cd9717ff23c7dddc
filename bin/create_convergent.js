#!/usr/bin/env node
// Starts one replica of the convergent system on this machine, in one of two forms:
//
//     PORT=8001 create_convergent.js [flags]                      peers are registered while it runs
//     create_convergent.js <index> <port> '<ports of all>' [flags]   the peers are those at the ports
//
// The port is 8000 unless PORT says otherwise. Data lie in data/convergent-<port> of the project.
// What is left of the flags goes to the node (`--help` lists them).
//
// The node runs in this very process, so that a signal to whoever was started reaches it.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { runMain } = require('node:module');
const { setUp } = require('./setup');

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'kv', 'kvstorage_http.js');
const USUAL_PORT = '8000';
const HOST = '127.0.0.1';

const { port, peers, flags } = readArguments(process.argv.slice(2), process.env.PORT);
setUp();
if (!existsSync(MAIN)) refuse(`${MAIN} is missing: run 'npm run build'`);
process.argv = [process.execPath, MAIN, ...argumentsOf(port, peers, flags), ...flags];
runMain();

function readArguments(words, given) {
  const firstFlag = words.findIndex((word) => word.startsWith('-'));
  const count = firstFlag < 0 ? words.length : firstFlag;
  const flags = words.slice(count);
  if (count === 0) {
    return { port: portFrom(given || USUAL_PORT, 'PORT'), peers: [], flags };
  }
  if (count !== 3)
    refuse("needs <index> <port> '<ports of all, with commas>', or PORT and nothing");
  const port = portFrom(words[1], 'the port');
  const ports = words[2].split(',').map((each) => portFrom(each.trim(), 'each port of the list'));
  if (!/^[0-9]{1,4}$/.test(words[0])) refuse(`the index must be a number, not "${words[0]}"`);
  if (!ports.includes(port)) refuse(`the list of ports must have ${port} too`);
  const twice = ports.find((each, i) => ports.indexOf(each) < i);
  if (twice !== undefined) refuse(`the list must not name the port ${twice} twice`);
  return { port, peers: ports.filter((each) => each !== port), flags };
}

function portFrom(text, what) {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) refuse(`${what} must be a port, like ${USUAL_PORT}, not "${text}"`);
  return port;
}

function argumentsOf(port, peers, flags) {
  const hasFolder = flags.some((flag) => /^--data-dir(=|$)/.test(flag));
  const urls = peers.map((each) => `http://${HOST}:${each}`).join(',');
  return [
    ...[String(port), '--protocol', 'convergent'],
    ...(urls === '' ? [] : ['--peers', urls]),
    ...(hasFolder ? [] : ['--data-dir', join(ROOT, 'data', `convergent-${port}`)]),
  ];
}

function refuse(message) {
  process.stderr.write(`create_convergent: ${message}\n`);
  process.exit(2);
}
