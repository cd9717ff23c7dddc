/**
 * What the master believes of its secondaries, compared with what was said: whom it takes for following
 * it has begun with, in that session and for that log, and that one has said under that attempt that it
 * holds so much. A disk alone does not tell that: a wrong belief is mostly harmless for a while.
 */

import type { NodeId } from '../../core/ids';
import { textOfName } from '../../core/log/log_name';
import type { LogMessage } from '../../core/log/messages';
import type { Progress } from '../../core/log/progress';
import type { Secondary } from '../../core/log/roles';
import type { LogState } from '../../core/log/state';
import { Violation } from '../violation';

/** An attempt of the master to begin with a secondary. */
interface Attempt {
  readonly session: number;
  readonly log: string;
  /** The most that the secondary has said it holds; undefined before it has said anything. */
  held: number | undefined;
}

/** A secondary that has begun with nobody, in this session, and how far its log went then. */
interface Unbegun {
  readonly session: number;
  readonly end: number;
}

export class Beginnings {
  private readonly unbegun = new Map<NodeId, Unbegun>();
  private readonly attempts = new Map<string, Attempt>();

  /** Something is sent. */
  said(from: NodeId, to: NodeId, message: LogMessage): void {
    if (message.kind === 'begin') {
      const { attempt, session, name } = message;
      this.begun(to, attempt, session, textOfName(name));
    } else if (message.kind === 'held') {
      const { attempt, end } = message;
      const of = this.attempts.get(keyOf(from, attempt));
      if (of === undefined) fail(`${from} answers to an attempt that was not made`);
      of.held = Math.max(end, of.held ?? 0);
    }
  }

  /** A node after a step. */
  look({ self, role, log }: Readonly<LogState>): void {
    if (role.kind === 'secondary') return this.checkUnbegun(self, role);
    for (const progress of role.all) this.check(progress, textOfName(log.name));
    for (const [{ id }, { asked }] of role.learning?.answers ?? []) {
      if (asked === role.learning?.number) continue;
      fail(`${self} takes for an answer what ${id} has said to another question`);
    }
  }

  /** Between its greeting and the next beginning a secondary takes nothing in. */
  private checkUnbegun(self: NodeId, { attempt, session, confirmedEnd: end }: Secondary): void {
    const before = this.unbegun.get(self);
    if (attempt !== undefined) this.unbegun.delete(self);
    else this.unbegun.set(self, { session, end });
    if (attempt !== undefined || before?.session !== session || end <= before.end) return;
    fail(`${self} takes messages in that belong to no attempt`);
  }

  /** `log` is the one that the master has now. */
  private check({ id, standing, match, base }: Progress, log: string): void {
    if (standing.kind === 'conflict') return;
    if (standing.kind === 'absent') {
      if (match <= base) return;
      return fail(`${id} is thought to hold ${match}, and has not answered to any attempt`);
    }
    const { attempt, session } = standing;
    const of = this.attempts.get(keyOf(id, attempt));
    if (of?.held === undefined) return fail(`${id} is thought to follow, it never said so`);
    if (of.session !== session || of.log !== log) {
      return fail(`${id} follows ${log} by an answer to another session, or of ${of.log}`);
    }
    if (match > of.held) fail(`${id} is thought to hold ${match}, it has said ${of.held}`);
  }

  private begun(to: NodeId, attempt: number, session: number, log: string): void {
    const key = keyOf(to, attempt);
    const known = this.attempts.get(key) ?? { session, log, held: undefined };
    this.attempts.set(key, known);
    if (known.session === session && known.log === log) return;
    fail(`one attempt is made with two sessions of ${to}`);
  }
}

const keyOf = (node: NodeId, attempt: number): string => `${node} ${attempt}`;

function fail(message: string): never {
  throw new Violation('beginnings', message);
}
