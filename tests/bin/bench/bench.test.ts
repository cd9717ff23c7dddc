/** `npm run bench` as a user runs it, for a moment only: what it prints is not looked at as numbers. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PEERS } from '../../../bin/bench/systems/systems';
import { ROOT } from '../../laws/sources';

/** Many processes are started here; on a busy machine that takes its time. */
jest.setTimeout(300_000);

const MOMENT = ['--quick', '--rounds', '1', '--seconds', '0.1', '--keys', '50'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-bench-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bench = (...args: string[]) => benchWith({}, ...args);

function benchWith(variables: NodeJS.ProcessEnv, ...args: string[]) {
  const program = join(ROOT, 'dist', 'bin', 'bench', 'main.js');
  const env = { ...process.env, TMPDIR: folder, ...variables };
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (data) => {
    stdout += data;
  });
  child.stderr.setEncoding('utf8').on('data', (data) => {
    stderr += data;
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
}

interface SavedRow {
  readonly system: string;
  readonly workload: string;
  readonly opsPerSecond: number;
  readonly errors: number;
}

const savedRows = (): SavedRow[] => JSON.parse(readFileSync(join(folder, 'x.json'), 'utf8')).rows;

test('every kind of work, beside the ceilings, with its table, JSON and picture', async () => {
  const workloads = 'put@2,append@2,get@2,lease@2,stale@2,mix@2,hot@2,embedded@2';
  const files = ['--json', 'x.json', '--svg', 'x.svg'];
  const { code, stdout, stderr } = await bench(
    ...MOMENT,
    '--workload',
    workloads,
    '--ceiling',
    ...files,
  );
  expect([code, stderr]).toEqual([0, '']);
  for (const workload of workloads.split(',').map((item) => item.split('@')[0])) {
    expect(stdout).toMatch(`\n${workload}, 2 clients, 3 nodes, `);
    const systems = savedRows().filter((row) => row.workload === workload);
    const names = systems.map(({ system }) => system);
    const writes = ['put', 'append', 'hot', 'embedded'].includes(workload ?? '');
    expect(names).toEqual([
      ...(workload === 'embedded' ? ['quorum-kv embedded'] : []),
      ...['quorum-kv', 'bare node:http', ...(writes ? ['bare fdatasync'] : [])],
    ]);
  }
  for (const row of savedRows()) {
    expect([row, row.opsPerSecond > 0, row.errors]).toEqual([row, true, 0]);
  }
  expect(readFileSync(join(folder, 'x.svg'), 'utf8')).toMatch(/^<svg /);
  expect(readdirSync(folder).sort()).toEqual(['x.json', 'x.svg']);
});

const peers = Object.entries(PEERS).map(([name, systems]) => ({ name, systems }));
const isHere = ({ systems }: (typeof peers)[number]) =>
  systems.every((system) => system.missing() === undefined);

const present = peers.filter(isHere);
// Skipped where none of the peers is installed: nothing of this project needs them.
const testPeers = present.length > 0 ? test : test.skip;

testPeers('the peers that are installed do the same work', async () => {
  const names = present.map(({ name }) => name).join();
  const shape = ['--workload', 'put@2,stale@2,get@2', '--peer', names, '--json', 'x.json'];
  const { code, stderr } = await bench(...MOMENT, ...shape);
  expect([code, stderr]).toEqual([0, '']);
  for (const system of present.flatMap(({ systems }) => systems)) {
    const rows = savedRows().filter((row) => row.system === system.name);
    expect([system.name, rows.length > 0]).toEqual([system.name, true]);
    expect(rows.map(({ errors }) => errors)).toEqual(rows.map(() => 0));
  }
});

test('it goes on without a peer that does not start, and ends', async () => {
  writeFileSync(join(folder, 'etcd'), '#!/bin/sh\necho no luck today >&2\nexit 1\n', {
    mode: 0o755,
  });
  const path = { PATH: `${folder}:${process.env.PATH}` };
  const shape = ['--workload', 'put@2', '--peer', 'etcd', '--json', 'x.json'];
  const { code, stderr } = await benchWith(path, ...MOMENT, ...shape);
  const why = 'waiting for a leader: it has ended: no luck today';
  expect(stderr.split('\n').sort()).toEqual([
    '',
    `bench: etcd JSON: etcd JSON 0: ${why}`,
    `bench: etcd gRPC: etcd gRPC 0: ${why}`,
  ]);
  expect(code).toBe(1);
  expect(savedRows().map(({ system }) => system)).toEqual(['quorum-kv']);
});

test('through the followers of five nodes; it says what to install, and goes on without', async () => {
  const absent = peers.filter((peer) => !isHere(peer));
  const names = absent.map(({ name }) => name).join();
  const shape = ['--workload', 'put@4,get@4', '--nodes', '5', '--through', 'followers'];
  const files = ['--json', 'x.json'];
  const { code, stdout, stderr } = await bench(...MOMENT, ...shape, ...files, '--peer', names);
  expect([code, stderr]).toEqual([0, '']);
  expect(savedRows().map(({ system, errors }) => [system, errors])).toEqual([
    ['quorum-kv', 0],
    ['quorum-kv', 0],
  ]);
  for (const system of absent.flatMap(({ systems }) => systems)) {
    expect(stdout).toMatch(`without ${system.name}: ${system.missing()}`);
  }
});

test('a flag that makes no sense is one line and code 2', async () => {
  expect(await bench('--peer', 'consul')).toEqual({
    ...{ code: 2, stdout: '' },
    stderr:
      "bench: --peer must be of etcd, zookeeper, redis, pysyncobj, dynamo, connections, not 'consul'\n",
  });
});
