/**
 * What all simulated systems have in common: a run is drawn from its seed, carried out, and reported
 * on. `simulate.ts` does it for Raft, a file in the folder of each other protocol for that.
 */

import { InvariantViolation } from '../core/assert';
import type { NodeId } from '../core/ids';
import { Prng } from '../core/prng';
import { drawConfiguration, type RunConfiguration, type RunLimits } from './configuration';
import type { Counters } from './counters';
import type { DiskFactory } from './disk';
import { drawFaults, type Fault } from './faults';
import { ModelDisk } from './model_disk';
import type { Subject } from './subject';
import type { Timeline } from './timeline';
import { simplified, type Variation } from './variation';
import { Violation } from './violation';
import { World } from './world';

/** All of a setup that has nothing to do with what is replicated. */
export interface WorldWishes {
  readonly seed: number;
  readonly limits?: RunLimits | undefined;
  readonly disk?: DiskFactory | undefined;
  /** Fewer faults and a calmer world than the seed says. */
  readonly variation?: Variation | undefined;
  /** Hears the trace, line by line. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** What a subject is made of. */
export interface SubjectSetup {
  readonly members: readonly NodeId[];
  readonly timeline: Timeline;
  readonly configuration: RunConfiguration;
  /** Draws the options of the nodes. */
  readonly options: Prng;
  readonly report: (name: string, count: number) => void;
}

export interface RunReport {
  readonly seed: number;
  readonly configuration: RunConfiguration;
  readonly faults: readonly Fault[];
  readonly counters: Counters;
  readonly simulatedMs: number;
  readonly violation: Violation | undefined;
}

/** Runs one seed. What goes wrong is in the report; only a mistake of the simulator is thrown. */
export function runWorld<Message, Request, Reply>(
  wishes: WorldWishes,
  makeSubject: (setup: SubjectSetup) => Subject<Message, Request, Reply>,
): RunReport {
  const { seed, limits, variation = {} } = wishes;
  const { keep, simplify } = variation;
  const configuration = simplified(drawConfiguration(seed, limits), simplify);
  const prng = new Prng(seed, 'run');
  const planned = drawFaults(configuration.rates, configuration.durationMs, prng);
  const faults = planned.filter(({ number }) => keep === undefined || keep.includes(number));
  const options = prng.stream('options');
  const report = (name: string, count: number) => world.counters.count('events', name, count);
  const world = new World({
    seed,
    configuration,
    faults,
    makeSubject: (members: readonly NodeId[], timeline: Timeline) =>
      makeSubject({ members, timeline, configuration, options, report }),
    makeDisk: wishes.disk ?? ((storage, own) => new ModelDisk(storage, own)),
    onTrace: wishes.onTrace,
  });
  let violation: Violation | undefined;
  try {
    world.run();
  } catch (error) {
    violation = violationOf(error);
  }
  const { counters, timeline } = world;
  return { seed, configuration, faults, counters, simulatedMs: timeline.now, violation };
}

/** An assertion that fails outside of a step is one of the storage, if it is the real one. */
function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof InvariantViolation) return new Violation('assertion', error.message, error);
  throw error;
}
