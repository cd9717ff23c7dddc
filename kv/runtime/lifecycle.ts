/**
 * How a process that runs a node ends.
 *
 * - A first SIGTERM, SIGINT or SIGHUP stops it gracefully: exit code 0. A second one, or a stop that
 *   takes too long or fails, ends it at once: exit code 1.
 * - An error that nobody caught (a broken invariant is one) ends it at once, with one line and exit
 *   code 70: going on could say something wrong. What was acknowledged is on disk already.
 */

import type { Log } from './log';

export const EXIT_FORCED = 1;
/** EX_SOFTWARE of sysexits: an internal error. */
export const EXIT_INTERNAL_ERROR = 70;

/** How much longer than its own timeout a graceful stop may take before it is cut short. */
const GRACE_MS = 5000;

/** What is needed of `process`, so that a test can stand in for it. */
export interface ProcessHooks {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
}

export interface LifecycleOptions {
  readonly log: Log;
  /** Drains and closes everything. Called at most once. */
  readonly stop: () => Promise<void>;
  /** How long `stop` may wait for requests; a little later it is cut short. */
  readonly shutdownTimeoutMs: number;
  /** The process itself when absent. */
  readonly hooks?: ProcessHooks;
}

export interface Lifecycle {
  /** Begins a graceful stop, as the first signal does. */
  shutDown(reason: string): void;
  /** Ends the process at once because it can no longer be trusted. */
  die(error: unknown): void;
}

export function superviseProcess(options: LifecycleOptions): Lifecycle {
  const { log, stop, shutdownTimeoutMs, hooks = process as ProcessHooks } = options;
  let stopping = false;
  const shutDown = (reason: string) => {
    if (stopping) {
      log.warn('asked to stop once more: ending at once', { reason });
      return hooks.exit(EXIT_FORCED);
    }
    stopping = true;
    log.info('stopping', { reason });
    const overdue = setTimeout(() => {
      log.error('the stop took too long: ending at once', { shutdownTimeoutMs });
      hooks.exit(EXIT_FORCED);
    }, shutdownTimeoutMs + GRACE_MS);
    const finish = (code: number) => {
      clearTimeout(overdue);
      hooks.exit(code);
    };
    // In a turn of its own, so that a stop that throws at once counts as one that failed.
    void Promise.resolve()
      .then(stop)
      .then(
        () => {
          log.info('stopped');
          finish(0);
        },
        (error: unknown) => {
          log.error('the stop failed', describe(error));
          finish(EXIT_FORCED);
        },
      );
  };
  const die = (error: unknown) => {
    log.error('internal error: ending at once', describe(error));
    hooks.exit(EXIT_INTERNAL_ERROR);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) hooks.on(signal, () => shutDown(signal));
  hooks.on('uncaughtException', die);
  hooks.on('unhandledRejection', die);
  return { shutDown, die };
}

function describe(error: unknown): { error: string; stack?: string } {
  const { message, stack } = (error ?? {}) as Partial<Error>;
  return { error: message ?? String(error), ...(stack === undefined ? {} : { stack }) };
}
