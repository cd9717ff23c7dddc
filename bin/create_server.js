#!/usr/bin/env node
// Starts one node of a cluster on this machine: `create_server.js <n> [--nodes <count>] [flags]`.
// Node n serves HTTP on port 8080+n and its peers on 127.0.0.1:6000+n, and keeps its data in
// data/node<n> of the project. What is left of the flags goes to the node (`--help` lists them).
//
// The scripts create_server0 to create_server4 call this. The node runs in this very process, so
// that a signal to whoever was started reaches it. Plain JavaScript, like the set-up that it does.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { runMain } = require('node:module');
const { setUp } = require('./setup');

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'kv', 'kvstorage_http.js');
const HTTP_PORT = 8080;
const PEER_PORT = 6000;
const MOST_NODES = 99;

const words = process.argv.slice(2);
// Whoever asks for help need not know any number yet.
const { index, nodes, flags } = words.includes('--help')
  ? { index: 0, nodes: 1, flags: ['--help'] }
  : readArguments(words);
setUp();
if (!existsSync(MAIN)) refuse(`${MAIN} is missing: run 'npm run build'`);
process.argv = [process.execPath, MAIN, ...argumentsOf(index, nodes), ...flags];
runMain();

function readArguments([first, ...rest]) {
  const index = wholeNumber(first, 0, MOST_NODES - 1, 'the number of the node');
  const flags = [];
  // Nodes 3 and 4 exist only in a cluster of five.
  let nodes = index < 3 ? 3 : 5;
  while (rest.length > 0) {
    const [flag, value] = splitFlag(rest.shift());
    if (flag !== '--nodes') flags.push(value === undefined ? flag : `${flag}=${value}`);
    else nodes = wholeNumber(value ?? rest.shift(), index + 1, MOST_NODES, '--nodes');
  }
  if (nodes <= index) refuse(`node ${index} needs --nodes ${index + 1} or more`);
  return { index, nodes, flags };
}

function splitFlag(text) {
  const at = text.startsWith('--') ? text.indexOf('=') : -1;
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function wholeNumber(text, least, most, what) {
  const value = /^[0-9]{1,3}$/.test(text ?? '') ? Number(text) : -1;
  if (value < least || value > most) {
    refuse(`${what} must be a whole number from ${least} to ${most}, not ${text ?? 'nothing'}`);
  }
  return value;
}

function argumentsOf(index, nodes) {
  const ids = Array.from({ length: nodes }, (_, i) => `127.0.0.1:${PEER_PORT + i}`);
  const partners = ids.filter((_, i) => i !== index);
  const hasFolder = flags.some((flag) => /^--data-dir(=|$)/.test(flag));
  const folder = hasFolder ? [] : ['--data-dir', join(ROOT, 'data', `node${index}`)];
  return [String(HTTP_PORT + index), ids[index], ...partners, ...folder];
}

function refuse(message) {
  process.stderr.write(`create_server: ${message}\n`);
  process.exit(2);
}
