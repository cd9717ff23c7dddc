/** A run that fails is made small, still fails in the same way, and says how to run it again. */

import { readFlags } from '../../bin/sim_flags';
import type { Answer, Query } from '../../kv/core/command';
import type { ApplyContext, SnapshotLoader, StateMachine } from '../../kv/sim';
import {
  type Application,
  failureReport,
  flagsOf,
  KeyValue,
  KeyValueApplication,
  type Recorded,
  type RunReport,
  type RunSetup,
  type Shrunk,
  shrink,
  simulate,
  Violation,
} from '../../kv/sim';
import { drawConfiguration, type RunConfiguration } from '../../kv/sim/configuration';

type Machine = StateMachine<Query, Answer>;

/** Loses every seventh command once it has been restored from a snapshot. */
class Forgetful implements Machine {
  private applied = 0;

  constructor(
    private readonly inner: Machine = new KeyValue(),
    private readonly isRestored = false,
  ) {}

  apply(command: Uint8Array, context: ApplyContext): Uint8Array {
    const isLost = this.isRestored && ++this.applied % 7 === 0;
    return (isLost ? new KeyValue() : this.inner).apply(command, context);
  }
  query(query: Query): Answer {
    return this.inner.query(query);
  }
  beginSnapshot() {
    return this.inner.beginSnapshot();
  }
  beginRestore(): SnapshotLoader<Machine> {
    const loader = this.inner.beginRestore();
    return {
      write: (slice) => loader.write(slice),
      finish: () => new Forgetful(loader.finish(), true),
    };
  }
}

class OnForgetfulMachines extends KeyValueApplication {
  override machine(): Machine {
    return new Forgetful();
  }
}

/** Objects to a state that is older than a second, which only a node that is cut off answers with. */
class Impatient extends KeyValueApplication {
  override answered(read: Recorded<Query, Answer>): void {
    super.answered(read);
    const { served } = read;
    // Before it has heard any leader a node knows no age at all.
    if (served !== undefined && served.age > 1000 && Number.isFinite(served.age)) {
      throw new Violation('impatience', `${read.client} got an answer of ${served.age} ms ago`);
    }
  }
}

interface Case {
  readonly name: string;
  readonly application: () => Application<Query, Answer>;
  readonly limits: RunSetup['limits'];
  readonly options: RunSetup['options'];
  /** Runs in which it does not take luck, nor a node that starts late, for it to fail. */
  readonly fits: (configuration: RunConfiguration) => boolean;
  /** A kind of fault without which it cannot fail. */
  readonly needs: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: 'a state machine that forgets',
    application: () => new OnForgetfulMachines(),
    limits: { kinds: ['kill', 'pause', 'partition', 'slow_disk', 'hand_over'], nodes: 3 },
    options: { snapshotLogBytes: 2000 },
    fits: ({ lateStartMs }) => lateStartMs === 0,
    needs: /^(kill|pause|partition)$/,
  },
  {
    name: 'a checker that minds partitions',
    application: () => new Impatient(),
    limits: { kinds: ['partition', 'slow_link', 'broken_connection', 'hand_over'], nodes: 3 },
    options: {},
    fits: ({ lateStartMs, clients }) => lateStartMs === 0 && clients.level === 'stale',
    needs: /^partition$/,
  },
];

const variationOf = (run: Case, seed: number, setup: Partial<RunSetup<Query, Answer>> = {}) => {
  const { application, limits, options } = run;
  return simulate<Query, Answer>({
    ...{ seed, application, options, variation: setup.variation, onTrace: setup.onTrace },
    limits: { ...limits, ...setup.limits },
  });
};

/** The first seed that fails among many faults. */
function firstFailure(run: Case): RunReport {
  for (let seed = 1; seed < 200; seed++) {
    if (!run.fits(drawConfiguration(seed, run.limits))) continue;
    const report = variationOf(run, seed);
    if (report.violation !== undefined && report.faults.length >= 6) return report;
  }
  throw new Error('no seed fails');
}

describe.each(CASES)('$name', (run) => {
  let failed: RunReport;
  let shrunk: Shrunk;
  const again = ({ keep, simplify, durationMs }: Shrunk['variation']): RunReport =>
    variationOf(run, failed.seed, { variation: { keep, simplify }, limits: { durationMs } });

  beforeAll(() => {
    failed = firstFailure(run);
    shrunk = shrink(failed, again);
  });

  it('needs few faults', () => {
    expect(shrunk.report.faults.length).toBeLessThan(failed.faults.length / 2);
    expect(shrunk.report.faults.length).toBeLessThanOrEqual(3);
    expect(shrunk.report.faults.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([expect.stringMatching(run.needs)]),
    );
    expect(shrunk.variation.keep).toEqual(shrunk.report.faults.map(({ number }) => number));
  });

  it('fails in the same way, and needs each of the faults', () => {
    const checker = failed.violation?.checker;
    expect(shrunk.report.violation?.checker).toBe(checker);
    const { variation } = shrunk;
    for (const number of variation.keep ?? []) {
      const keep = variation.keep?.filter((other) => other !== number);
      expect(again({ ...variation, keep }).violation?.checker).not.toBe(checker);
    }
  });

  it('fails again by the flags that are printed', () => {
    const command = readFlags(flagsOf(shrunk).split(' '));
    if (command.kind !== 'one') throw new Error('the flags of one run');
    const { seed, settings } = command.run;
    const { keep, simplify, durationMs } = settings;
    const report = variationOf(run, seed, {
      variation: { keep, simplify },
      limits: { durationMs },
    });
    expect(report.violation?.message).toBe(shrunk.report.violation?.message);
  });

  it('is reported with its seed, faults, trace and command', () => {
    const { keep, simplify, durationMs } = shrunk.variation;
    const trace: string[] = [];
    const onTrace = (line: string) => void trace.push(line);
    variationOf(run, failed.seed, {
      variation: { keep, simplify },
      limits: { durationMs },
      onTrace,
    });
    const report = failureReport(shrunk, trace, `npm run sim -- ${flagsOf(shrunk)}`, 20);
    expect(report[0]).toMatch(`seed ${failed.seed} fails: ${failed.violation?.checker}: `);
    for (const { number, at, kind } of shrunk.report.faults) {
      expect(report.join('\n')).toContain(`  #${number} at ${at} ms: ${kind}`);
    }
    expect(report.slice(-22, -2)).toEqual(trace.slice(-20));
    expect(report.at(-1)).toMatch(
      /^run it again: npm run sim -- --seed \d+ --duration \d+ --keep /,
    );
  });
});

test('the bound on the runs is kept', () => {
  const run = CASES[0] as Case;
  const failed = firstFailure(run);
  let runs = 0;
  const shrunk = shrink(
    failed,
    ({ keep, simplify, durationMs }) => {
      runs++;
      return variationOf(run, failed.seed, {
        variation: { keep, simplify },
        limits: { durationMs },
      });
    },
    5,
  );
  expect([runs, shrunk.runs]).toEqual([5, 5]);
});
