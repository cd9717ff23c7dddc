/**
 * What a program may ask for beside the key and the value, checked before the node sees it: a program
 * without types may say anything, and a node has no time for what is not a number. What is wrong is
 * thrown, which rejects the promise of the call.
 *
 * The HTTP API has its own words for the same (`http/request_options.ts`).
 */

import { MAX_U48 } from './core/bytes';
import type { ReadLevel } from './core/command';
import { MAX_IDEMPOTENCY_KEY_BYTES } from './core/machine/envelope';
import { byteString } from './embedding';
import type { ReadOptions, WriteOptions } from './service';

const LEVELS: readonly unknown[] = ['linearizable', 'lease', 'stale'] satisfies ReadLevel[];
/** The longest that a timer can wait: 24 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The options of most calls. */
export const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze({});

export function checkedWrite(options: WriteOptions): WriteOptions {
  if (options === NO_OPTIONS) return options;
  const { idempotencyKey, timeoutMs } = options;
  checkWhole('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS);
  if (idempotencyKey === undefined) return options;
  const bytes = byteString(idempotencyKey, 'an idempotency key');
  if (bytes.length === 0 || bytes.length > MAX_IDEMPOTENCY_KEY_BYTES) {
    const limit = `1 to ${MAX_IDEMPOTENCY_KEY_BYTES} bytes of UTF-8`;
    throw new TypeError(`an idempotency key must have ${limit}; it has ${bytes.length}`);
  }
  return { ...options, idempotencyKey: bytes };
}

export function checkedRead(options: ReadOptions): ReadOptions {
  if (options === NO_OPTIONS) return options;
  const { level, maxStalenessMs, minIndex, timeoutMs } = options;
  if (level !== undefined && !LEVELS.includes(level)) {
    throw new TypeError(`the option level must be one of ${LEVELS.join(', ')}`);
  }
  checkWhole('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS);
  checkWhole('minIndex', minIndex, 0, MAX_U48);
  checkWhole('maxStalenessMs', maxStalenessMs, 0, MAX_U48);
  if (maxStalenessMs !== undefined && level !== 'stale') {
    throw new TypeError("the option maxStalenessMs needs level: 'stale' beside it");
  }
  return options;
}

function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new TypeError(`the option ${name} must be a whole number from ${least} to ${most}`);
}
