/** Faults that take the rights of root: full disks, flushes that fail. Without them tests are skipped. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ClusterNode } from '../../bin/cluster';

/** Runs a command; throws with what it printed. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * `test` where the attempt works, else `test.skip` with the reason in the name of the test: nobody
 * can be asked to run the suite as root. But root in CI has all that these tests need, so there a
 * failed attempt fails the tests: a skip would hide that they no longer run.
 */
export function testIf(
  what: string,
  attempt: () => void,
): (name: string, run: () => Promise<void>) => void {
  try {
    if (process.getuid?.() !== 0) throw new Error('it takes the rights of root');
    attempt();
    return test;
  } catch (error) {
    if (process.env.CI && process.getuid?.() === 0) throw error;
    const [reason = ''] = (error as Error).message.split('\n');
    // Skipped for the reason in its name: the machine has not what the test needs.
    return (name, body) =>
      test.skip(`${name} (skipped: ${what} does not work here: ${reason})`, body);
  }
}

/**
 * Makes every flush of a running process fail, also those that are part of a write at a place in a
 * file, until it ends. Resolves once that is in force.
 */
export async function failFlushes(node: ClusterNode): Promise<ChildProcess> {
  const flushes = 'fdatasync,fsync,pwrite64,pwritev,pwritev2';
  const child = spawn(
    'strace',
    [
      ...['-f', '-p', String(node.pid), '-o', '/dev/null'],
      ...['-e', `trace=${flushes}`, '-e', `inject=${flushes}:error=EIO`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise<void>((resolve, reject) => {
    const heard: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      heard.push(line);
      if (line.includes('attached')) resolve();
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`strace ended: ${heard.join('; ')}`)));
  });
  return child;
}
