/**
 * What a master with an empty disk knows so far of what its secondaries hold (`learn.ts` has the rules).
 */

import { type OperatingError, operatingError } from '../errors';
import type { Millis, RequestId } from '../ids';
import type { LogName } from './log_name';
import type { MessageOf } from './messages';
import type { MasterOptions } from './options';
import type { Progress } from './progress';
import type { AppendRequest } from './requests';

/** An append that came before the log was known. */
interface Parked {
  readonly request: RequestId;
  readonly append: AppendRequest;
}

/** Whose log is taken over. */
export interface Source {
  readonly progress: Progress;
  readonly name: LogName;
  /** The order that was asked for last; undefined: it is to be asked for again. */
  requested: number | undefined;
}

export class Learning {
  readonly answers = new Map<Progress, MessageOf<'hello'>>();
  source: Source | undefined;
  /** Why nothing can be made of the answers. */
  problem: string | undefined;
  parked: Parked[] = [];

  constructor(
    /** Of the question that is asked. */
    readonly number: number,
    readonly since: Millis,
  ) {}

  /** Whether appends may wait for the end of this; later they are refused. */
  isPatient(now: Millis, { unhealthyAfterMs }: MasterOptions): boolean {
    return now < this.since + unhealthyAfterMs;
  }

  /** Moments from now on at which something is to be done. */
  deadlines({ unhealthyAfterMs, beginAfterMs }: MasterOptions, now: Millis): number[] {
    const { since, parked } = this;
    const own = [since + unhealthyAfterMs, since + beginAfterMs];
    return [...own, ...parked.map(({ append }) => append.deadline)].filter((at) => at > now);
  }

  /** Takes out those that are not to wait any longer. */
  takeParked(isOver: (parked: Parked) => boolean): Parked[] {
    const taken = this.parked.filter(isOver);
    if (taken.length > 0) this.parked = this.parked.filter((one) => !isOver(one));
    return taken;
  }

  /** Why nothing can be appended, and what can be done. */
  why(all: readonly Progress[]): OperatingError {
    const missing = all.find((progress) => !this.answers.has(progress))?.id ?? '';
    return operatingError('log_unknown', `${EMPTY}, ${this.whatIsMissing(missing)}`, {
      ...{ answers: this.answers.size, secondaries: all.length },
      ...(missing === '' ? {} : { missing }),
    });
  }

  private whatIsMissing(missing: string): string {
    if (this.problem !== undefined) return this.problem;
    if (this.source !== undefined)
      return `the log is being fetched from ${this.source.progress.id}`;
    return `and ${missing} has not said yet what it holds: start it or, if its disk is lost too, start the master without it`;
  }
}

const EMPTY = 'The disk of this master was empty when it started';
