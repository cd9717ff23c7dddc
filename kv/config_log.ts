/**
 * What is configured of the replicated log beside its numbers: which role a node has, and where the
 * others are. Nodes of the log are known by the URLs of their HTTP services.
 */

import { choice, type Numbers, type Problems } from './config_checks';
import type { LOG_NUMBERS } from './config_numbers';
import { canonical } from './config_urls';

export const ERROR_TIMES = ['before', 'after'] as const;

export type LogConfig = Numbers<typeof LOG_NUMBERS> & {
  /** The URL of the master that this node follows; undefined makes it the master. */
  readonly master: string | undefined;
  /** Of a master: the URLs of all its secondaries, also of those that are down. */
  readonly secondaries: readonly string[];
  /** Whether a master without a majority of the nodes refuses appends. */
  readonly quorumAppend: boolean;
  /**
   * Whether there is a log already: a master with an empty disk then begins none by itself unless all
   * secondaries have said that they hold nothing. Otherwise it waits for an answer as long as it takes
   * to call one unhealthy.
   */
  readonly existingLog: boolean;
  /** Whether the log may be cleared. */
  readonly allowClear: boolean;
  /** For demonstrations: this part of what a secondary is sent fails, 0 to 1. */
  readonly errorRate: number;
  /** Before the append nothing is taken in; after it the sender is told of a failure all the same. */
  readonly errorWhen: (typeof ERROR_TIMES)[number];
};

/** What a program may say; whatever is absent or undefined takes its default. */
export type LogConfigOptions = { readonly [Name in keyof LogConfig]?: LogConfig[Name] | undefined };

export function logConfigFrom(
  options: LogConfigOptions,
  numbers: Numbers<typeof LOG_NUMBERS>,
  problems: Problems,
): LogConfig {
  const { quorumAppend = false, allowClear = false, existingLog = false, errorRate = 0 } = options;
  const errorWhen = choice('messageLog.errorWhen', options.errorWhen, ERROR_TIMES, problems);
  for (const [name, value] of Object.entries({ quorumAppend, allowClear, existingLog })) {
    problems.unless(typeof value === 'boolean', `messageLog.${name}`, 'must be true or false');
  }
  const isRate = typeof errorRate === 'number' && errorRate >= 0 && errorRate <= 1;
  problems.unless(isRate, 'messageLog.errorRate', 'must be a number from 0 to 1');
  const master =
    options.master === undefined
      ? undefined
      : canonical(options.master, 'messageLog.master', problems);
  const secondaries = Object.freeze(
    (options.secondaries ?? []).map((one) => canonical(one, 'messageLog.secondaries', problems)),
  );
  const switches = { quorumAppend, allowClear, existingLog };
  return { ...numbers, ...switches, master, secondaries, errorRate, errorWhen };
}

/** Rules between settings. `self` is the URL of this node. */
export function checkLog(isLog: boolean, log: LogConfig, self: string, problems: Problems): void {
  const { master, secondaries } = log;
  if (!isLog) {
    problems.unless(master === undefined, 'messageLog.master', 'is for the protocol log');
    problems.unless(secondaries.length === 0, 'messageLog.secondaries', 'are for the protocol log');
    return;
  }
  problems.unless(
    master === undefined || secondaries.length === 0,
    'messageLog.secondaries',
    "are for the master, and 'messageLog.master' makes this node a secondary",
  );
  problems.unless(
    master === undefined || !log.existingLog,
    'messageLog.existingLog',
    'is for the master',
  );
  const itself = `must not name this node itself (${self})`;
  problems.unless(master !== self, 'messageLog.master', itself);
  problems.unless(!secondaries.includes(self), 'messageLog.secondaries', itself);
  const twice = secondaries.find((one, i) => secondaries.indexOf(one) < i);
  problems.unless(twice === undefined, 'messageLog.secondaries', `must not name ${twice} twice`);
  const isTried = log.delayMs > 0 || log.errorRate > 0;
  problems.unless(
    master !== undefined || !isTried,
    log.delayMs > 0 ? 'messageLog.delayMs' : 'messageLog.errorRate',
    "is for a secondary, with 'messageLog.master'",
  );
  problems.unless(
    log.suspectAfterMs <= log.unhealthyAfterMs,
    'messageLog.suspectAfterMs',
    `(${log.suspectAfterMs}) must be at most 'messageLog.unhealthyAfterMs' (${log.unhealthyAfterMs})`,
  );
}
