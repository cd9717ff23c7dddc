// What create_log_master and create_log_secondary share: a node of the replicated log on this machine.
//
//     create_log_master [port] [--secondaries <url>,<url>…] [flags]     port 5000, two secondaries at
//                                                http://localhost:5001 and http://localhost:5002
//     create_log_secondary <port> <master url> [flags]
//
// A node keeps its data in data/log<port> of the project. What is left of the flags goes to the node
// (`--help` lists them). The node runs in this very process, so that a signal to whoever was started
// reaches it.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { runMain } = require('node:module');
const { setUp } = require('./setup');

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'kv', 'kvstorage_http.js');
const MASTER_PORT = '5000';
const SECONDARIES = 'http://localhost:5001,http://localhost:5002';

function runMaster(args) {
  const isNamed = args.length > 0 && !args[0].startsWith('-');
  const port = isNamed ? args[0] : MASTER_PORT;
  const flags = isNamed ? args.slice(1) : args;
  refuseWrongPort('create_log_master', port);
  run(port, [...(has(flags, 'secondaries') ? [] : ['--secondaries', SECONDARIES]), ...flags]);
}

function runSecondary(words) {
  // Whoever asks for help need not know a port and a master yet.
  if (words.includes('--help')) return run(MASTER_PORT, ['--help']);
  const [port, master, ...flags] = words;
  const name = 'create_log_secondary';
  refuseWrongPort(name, port);
  if (master === undefined || master.startsWith('-')) {
    refuse(name, 'needs the URL of the master, like http://localhost:5000');
  }
  run(port, ['--master', master, ...flags]);
}

function run(port, flags) {
  setUp();
  if (!existsSync(MAIN)) refuse('create_log', `${MAIN} is missing: run 'npm run build'`);
  const folder = ['--data-dir', join(ROOT, 'data', `log${port}`)];
  const more = has(flags, 'data-dir') ? flags : [...folder, ...flags];
  process.argv = [process.execPath, MAIN, port, '--protocol', 'log', ...more];
  runMain();
}

const has = (flags, name) => flags.some((flag) => new RegExp(`^--${name}(=|$)`).test(flag));

function refuseWrongPort(name, port) {
  const isPort = /^[0-9]{1,5}$/.test(port ?? '') && Number(port) >= 1 && Number(port) <= 65535;
  if (!isPort) refuse(name, `the port must be from 1 to 65535, not ${port ?? 'nothing'}`);
}

function refuse(name, message) {
  process.stderr.write(`${name}: ${message}\n`);
  process.exit(2);
}

module.exports = { runMaster, runSecondary };
