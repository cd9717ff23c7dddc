#!/usr/bin/env node
// Makes a fresh clone ready to run: installs the locked packages when they are missing or older
// than the lock file, and compiles the sources when they are newer than what was compiled. It is
// plain JavaScript because it runs before there is a compiler. Where nothing is to be done, it says
// nothing and takes a few milliseconds.
//
// Several terminals may start a node of a fresh clone at the same moment, so the work is done under
// a lock. Whoever finds everything ready needs no lock: the marks of readiness are written last.
'use strict';
const fs = require('node:fs');
const { join } = require('node:path');
const { spawnSync } = require('node:child_process');

const ROOT = join(__dirname, '..');
const DIST = join(ROOT, 'dist');
const LOCK = join(DIST, '.setup.lock');
const COMPILED = join(DIST, '.compiled');
const PACKAGES = join(ROOT, 'package-lock.json');
const INSTALLED = join(ROOT, 'node_modules', '.package-lock.json');
const OLDEST_NODE = 20;

/** Returns when the project is ready to run; ends the process when it cannot be made so. */
function setUp() {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    fail(`quorum-kv needs Node ${OLDEST_NODE} or newer; this is ${process.version}.`);
  }
  if (isInstalled() && isCompiled()) return;
  fs.mkdirSync(DIST, { recursive: true });
  takeLock();
  if (!isInstalled()) {
    const flags = ['--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['ci', ...flags], 'installing packages (npm ci)', process.platform === 'win32');
  }
  if (!isCompiled()) compile();
  fs.rmSync(LOCK);
}

const isInstalled = () => changedAt(INSTALLED) >= changedAt(PACKAGES);

function isCompiled() {
  const sources = ['kv', 'bin'].flatMap((folder) => [folder, ...allBelow(folder)]);
  const inputs = [...sources, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  // The time of a folder counts too: it changes when a file is deleted.
  const newest = Math.max(...inputs.map((path) => changedAt(join(ROOT, path))));
  return changedAt(COMPILED) > newest;
}

function allBelow(folder) {
  const all = fs.readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isDirectory() || entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1));
}

/** When a file was last changed; 0 if there is none. */
const changedAt = (path) => fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function compile() {
  const begun = new Date();
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], 'compiling (tsc)', false);
  // Dated back to the beginning: what was edited meanwhile must count as newer.
  fs.writeFileSync(COMPILED, '');
  fs.utimesSync(COMPILED, begun, begun);
}

function run(command, args, what, shell) {
  process.stderr.write(`setup: ${what}\n`);
  // What the commands print goes to stderr: stdout belongs to the program that comes next.
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], shell });
  if (result.status === 0) return;
  fs.rmSync(LOCK, { force: true });
  fail(`'${command} ${args.join(' ')}' failed; ${result.error?.message ?? 'see the lines above'}.`);
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

/** Waits until this process holds the lock: a file that only one process can create. */
function takeLock() {
  for (let waited = false; !createdFor(LOCK); pause(100)) {
    const holder = readHolder();
    const isDead = holder === undefined ? isOld(LOCK) : !isAlive(holder);
    if (isDead) takeAway(holder);
    else if (!waited && holder !== undefined) {
      process.stderr.write(
        `setup: waiting for the set-up of process ${holder} (if there is none, delete ${LOCK})\n`,
      );
      waited = true;
    }
  }
}

function createdFor(path) {
  try {
    fs.writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    return fail(`${path} cannot be written: ${error.message}`);
  }
}

/** The process that holds the lock; undefined if there is none or it has not signed yet. */
function readHolder() {
  try {
    return Number(fs.readFileSync(LOCK, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** Removes the lock of a process that died; one at a time, or a fresh lock could be removed. */
function takeAway(deadHolder) {
  const guard = `${LOCK}.removal`;
  if (!createdFor(guard)) {
    if (isOld(guard)) fs.rmSync(guard, { force: true });
    return;
  }
  if (readHolder() === deadHolder) fs.rmSync(LOCK, { force: true });
  fs.rmSync(guard, { force: true });
}

/** Whether a file that exists only for an instant was left behind by a process that died. */
function isOld(path) {
  const at = changedAt(path);
  return at > 0 && Date.now() - at > 10_000;
}

function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

module.exports = { setUp };
if (require.main === module) setUp();
