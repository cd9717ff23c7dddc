/** One run of Dynamo from one seed, as `simulate` does it for Raft. */

import { type RunReport, runWorld, type WorldWishes } from '../run_world';
import { drawDynamoOptions, type SharedDynamoOptions } from './drawn_options';
import { DynamoSubject } from './dynamo_subject';

export interface DynamoRunSetup extends WorldWishes {
  /** Options of the nodes that are not to be drawn. */
  readonly options?: Partial<SharedDynamoOptions> | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function simulateDynamo(setup: DynamoRunSetup): RunReport {
  return runWorld(setup, ({ members, configuration, options, report }) => {
    const { maxDelayMs } = configuration.network;
    const drawn = { ...drawDynamoOptions(options, maxDelayMs), ...setup.options };
    return new DynamoSubject(members, drawn, configuration, report);
  });
}
