#!/usr/bin/env node
// Starts one node of the leaderless system on this machine:
// `create_dynamo.js <n> [<seed host:port>] [flags]`. Node n is called node0n, serves HTTP on port
// 8700+n and its peers on 127.0.0.1:9700+n, and keeps its data in data/dynamo<n> of the project.
// Without a seed it begins a new group, with one it joins that member's group; a node that was a
// member before goes on as one. What is left of the flags goes to the node (`--help` lists them).
//
// The node runs in this very process, so that a signal to whoever was started reaches it.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { runMain } = require('node:module');
const { setUp } = require('./setup');

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'kv', 'kvstorage_http.js');
const HTTP_PORT = 8700;
const PEER_PORT = 9700;
const MOST_NODES = 99;

const words = process.argv.slice(2);
// Whoever asks for help need not know any number yet.
const { index, seed, flags } = words.includes('--help')
  ? { index: 1, flags: ['--help'] }
  : readArguments(words);
setUp();
if (!existsSync(MAIN)) refuse(`${MAIN} is missing: run 'npm run build'`);
process.argv = [process.execPath, MAIN, ...argumentsOf(index, seed, flags), ...flags];
runMain();

function readArguments([first, ...rest]) {
  const index = /^[0-9]{1,2}$/.test(first ?? '') ? Number(first) : 0;
  if (index < 1 || index > MOST_NODES) {
    refuse(`the number of the node must be from 1 to ${MOST_NODES}, not ${first ?? 'nothing'}`);
  }
  const isSeed = rest.length > 0 && !rest[0].startsWith('-');
  if (isSeed && !/^[^:\s]+:[0-9]{1,5}$/.test(rest[0])) {
    refuse(`the seed must be host:port, like 127.0.0.1:${PEER_PORT + 1}, not ${rest[0]}`);
  }
  return { index, seed: isSeed ? rest[0] : undefined, flags: isSeed ? rest.slice(1) : rest };
}

function argumentsOf(index, seed, flags) {
  const hasFolder = flags.some((flag) => /^--data-dir(=|$)/.test(flag));
  return [
    ...[String(HTTP_PORT + index), `127.0.0.1:${PEER_PORT + index}`, '--protocol', 'dynamo'],
    ...['--node-name', `node${String(index).padStart(2, '0')}`],
    ...(seed === undefined ? [] : ['--seed', seed]),
    ...(hasFolder ? [] : ['--data-dir', join(ROOT, 'data', `dynamo${index}`)]),
  ];
}

function refuse(message) {
  process.stderr.write(`create_dynamo: ${message}\n`);
  process.exit(2);
}
