#!/usr/bin/env node
// Makes a fresh clone ready to run: installs the locked packages when they are missing or older
// than the lock file, and compiles the sources. It is plain JavaScript because it runs before
// there is a compiler. Doing nothing takes well under a second.
'use strict';
const { existsSync, statSync } = require('node:fs');
const { join } = require('node:path');
const { spawnSync } = require('node:child_process');

const root = join(__dirname, '..');
const windows = process.platform === 'win32';

function run(command, args, why) {
  process.stderr.write(`setup: ${why}\n`);
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: windows });
  if (result.status !== 0) {
    process.stderr.write(`setup: '${command} ${args.join(' ')}' failed; see the lines above.\n`);
    process.exit(result.status ?? 1);
  }
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  process.stderr.write(`setup: quorum-kv needs Node 20 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

const installed = join(root, 'node_modules', '.package-lock.json');
const lock = join(root, 'package-lock.json');
const stale = () => statSync(lock).mtimeMs > statSync(installed).mtimeMs;
if (!existsSync(installed) || stale()) {
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'installing packages (npm ci)');
}
run(
  process.execPath,
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'],
  'compiling (tsc)',
);
