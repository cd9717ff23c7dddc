/**
 * How a run may differ from what its seed says: fewer faults, a calmer world. A variation is plain
 * data that fits on a command line, so a shrunk failure can be run again by anybody.
 */

import type { RunConfiguration } from './configuration';

/** What can be made simpler, each by itself. */
export const SIMPLIFICATIONS = {
  loss: 'no message is lost',
  repeats: 'no message comes twice or very late',
  order: 'messages arrive in order',
  delay: 'messages take a millisecond',
  flush: 'flushes take a millisecond',
  starts: 'all nodes start at once',
  turns: 'the event loop is quick',
  clocks: 'clocks run at nearly the same rate',
  restarts: 'clients are not restarted',
  client_loss: 'no request and no answer is lost',
  one_client: 'there is one client',
  two_clients: 'there are two clients',
} as const;
export type Simplification = keyof typeof SIMPLIFICATIONS;

export interface Variation {
  /** Only the faults of these numbers come; all when absent. */
  readonly keep?: readonly number[] | undefined;
  readonly simplify?: readonly Simplification[] | undefined;
}

export function simplified(
  configuration: RunConfiguration,
  simplify: readonly Simplification[] = [],
): RunConfiguration {
  return simplify.reduce((so_far, each) => SIMPLER[each](so_far), configuration);
}

/** Whether a simplification would change nothing. */
export function isSimple(configuration: RunConfiguration, simplification: Simplification): boolean {
  const simpler = simplified(configuration, [simplification]);
  return JSON.stringify(simpler) === JSON.stringify(configuration);
}

type Simpler = (configuration: RunConfiguration) => RunConfiguration;

const network =
  (change: Partial<RunConfiguration['network']>): Simpler =>
  (configuration) => ({ ...configuration, network: { ...configuration.network, ...change } });
const clients =
  (change: Partial<RunConfiguration['clients']>): Simpler =>
  (configuration) => ({ ...configuration, clients: { ...configuration.clients, ...change } });

const SIMPLER: Record<Simplification, Simpler> = {
  loss: network({ lost: 0 }),
  repeats: network({ repeated: 0, late: 0 }),
  order: network({ ordered: true }),
  delay: network({ minDelayMs: 1, maxDelayMs: 1 }),
  flush: (configuration) => ({ ...configuration, flushMs: [1, 1] }),
  starts: (configuration) => ({ ...configuration, lateStartMs: 0 }),
  turns: (configuration) => ({ ...configuration, turnMs: 0 }),
  clocks: (configuration) => ({ ...configuration, clocks: 'good' }),
  restarts: clients({ restartMs: 0 }),
  client_loss: clients({ lost: 0 }),
  one_client: clients({ count: 1 }),
  two_clients: (configuration) =>
    clients({ count: Math.min(2, configuration.clients.count) })(configuration),
};
