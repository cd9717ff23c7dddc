/** What `bin/create_convergent.sh` says to arguments that make no sense: one line, and code 2. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../laws/sources';

const SCRIPT = join(ROOT, 'bin', 'create_convergent.sh');

test.each<[args: string[], port: string | undefined, complaint: RegExp]>([
  [[], 'http', /PORT must be a port, like 8000, not "http"/],
  [[], '0', /PORT must be a port/],
  [['0'], undefined, /needs <index> <port> '<ports of all/],
  [['0', '8000'], undefined, /needs <index> <port>/],
  [['0', '8000', '8000', '8001'], undefined, /needs <index> <port>/],
  [['first', '8000', '8000'], undefined, /the index must be a number, not "first"/],
  [['0', '70000', '70000'], undefined, /the port must be a port/],
  [['0', '8000', '8000,x'], undefined, /each port of the list must be a port/],
  [['0', '8000', '8001,8002'], undefined, /the list of ports must have 8000 too/],
  [['0', '8000', '8000,8001,8001'], undefined, /must not name the port 8001 twice/],
])('%j with PORT=%s', (args, port, complaint) => {
  const env = { ...process.env, ...(port === undefined ? {} : { PORT: port }) };
  const { status, stderr } = spawnSync(SCRIPT, args, { env, encoding: 'utf8' });
  expect(stderr).toMatch(complaint);
  expect([status, stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
});
