/** One node run by hand, for what ends before it serves: mistakes of whoever starts it. */

import { spawn } from 'node:child_process';
import { compiledProgram } from '../../bin/cluster';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** What it printed to stderr, without the line ends. */
  readonly complaints: readonly string[];
}

/** How long it may take to notice its mistake. */
const PATIENCE_MS = 30_000;

/** Resolves when the process has ended; kills it and rejects if it goes on. */
export function runNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [compiledProgram(), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    const tooLate = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(tooLate);
      if (signal !== null) reject(new Error(`it did not end by itself: ${stdout}${stderr}`));
      else resolve({ code, stdout, complaints: stderr.split('\n').filter((line) => line !== '') });
    });
  });
}
