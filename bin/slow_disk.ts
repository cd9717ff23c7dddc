/**
 * A disk that can be made slow, for benchmarks: loaded into a node before its program (`--require`).
 *
 * After SIGUSR2 every write of a file by a callback, and every flush, is reported as done so much
 * later than it was, as a disk would that needs so long for each flush; the next SIGUSR2 ends it.
 * The journal waits for such a report and has one write under way at a time, so that is what slows it.
 */

import fs from 'node:fs';

/** What one flush of such a disk takes. */
export const SLOW_FLUSH_MS = 50;
const DELAYED = ['write', 'writev', 'fsync', 'fdatasync'] as const;

type Callback = (...results: unknown[]) => void;
type CallbackFunction = (...args: unknown[]) => void;

let isSlow = false;

/** The same function, whose callback comes late while the disk is slow. */
function delayed(original: CallbackFunction): CallbackFunction {
  return (...args) => {
    const done = args.at(-1);
    if (!isSlow || typeof done !== 'function') return original(...args);
    const late = (...results: unknown[]): void => {
      setTimeout(() => (done as Callback)(...results), SLOW_FLUSH_MS);
    };
    return original(...args.slice(0, -1), late);
  };
}

/** To be called once, before anything is written. */
export function makeDiskSlowable(): void {
  for (const name of DELAYED) {
    const original = fs[name] as CallbackFunction;
    Object.defineProperty(fs, name, { value: delayed(original), writable: true });
  }
  process.on('SIGUSR2', () => {
    isSlow = !isSlow;
  });
}
