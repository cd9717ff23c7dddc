/** The curl lines of the README are run as they stand there, but for the ports. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../bin/cluster';
import { ApiDescription } from '../http/description';

const readme = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8');
const API = new ApiDescription('api_description.yml');
const lines = readme.split('\n').filter((line) => line.startsWith('curl '));

let folder: string;
let cluster: Cluster;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-curl-'));
  cluster = await startCluster({ nodes: 3, dataDir: folder });
  await cluster.waitForLeader();
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a line in a shell, as a reader would; returns what it printed and the status. */
function run(line: string): string {
  const here = line.replace(
    /http:\/\/localhost:808(\d)/,
    (_, n: string) => cluster.node(Number(n)).url,
  );
  return execFileSync('sh', ['-c', `${here} -s -w ' %{http_code}'`], { encoding: 'utf8' });
}

const EXPECTED: readonly (string | RegExp)[] = [
  ' 204',
  ' 204',
  '["cat","dog","mouse"] 200',
  /"has_quorum":true[\s\S]* 200$/,
  ' 204',
  '["cat","dog","mouse","bird"] 200',
  ' 204',
];

test('every curl line does what it seems to do', () => {
  expect(lines).toHaveLength(EXPECTED.length);
  const printed = lines.map(run);
  EXPECTED.forEach((expected, i) => {
    if (typeof expected === 'string') expect(printed[i]).toBe(expected);
    else expect(printed[i]).toMatch(expected);
  });
});

test('a real status report is what the API description says', async () => {
  const status = await cluster.node(0).status();
  API.expectValid({ $ref: '#/components/schemas/Status' }, status);
});
