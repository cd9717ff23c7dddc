/**
 * The dumb oracle: what each log really is. A message becomes part of it when it is durable at the
 * master, and never changes or goes away; everything that anybody holds, sends or is shown is
 * compared with that.
 */

import { Violation } from '../violation';
import { isSame, type Said } from './log_disks';

/** A message of the log, and what became of it. */
export interface TrueMessage extends Said {
  readonly order: number;
  /** Nodes whose disk has had it. */
  readonly holders: Set<string>;
}

export class TrueLog {
  private readonly logs = new Map<string, TrueMessage[]>();
  private readonly byBody = new Map<string, TrueMessage>();

  /**
   * Durable at the master. An id may come again only when its message was dropped and forgotten:
   * the caller says below which order that was so when the master took this one in.
   */
  add(name: string, order: number, said: Said, forgottenBelow: number): void {
    const log = this.logs.get(name) ?? [];
    this.logs.set(name, log);
    const known = log[order];
    if (known !== undefined) {
      if (isSame(known, said)) return;
      fail('one order', `${order} of ${name} was ${known.id}, and is ${said.id} now`);
    }
    if (order !== log.length)
      fail('gap', `the master of ${name} has ${order} before ${log.length}`);
    const twice = log.find(({ id, order: at }) => id === said.id && at >= forgottenBelow);
    if (twice !== undefined) {
      fail('exactly once', `${said.id} is at ${twice.order} and at ${order} of ${name}`);
    }
    const message = { ...said, order, holders: new Set<string>() };
    log.push(message);
    this.byBody.set(said.body, message);
  }

  /** A disk has a message of this log now: the one that it must be. */
  check(who: string, name: string, order: number, said: Said): void {
    const message = this.at(name, order);
    if (message === undefined) {
      return fail(
        'invented',
        `${who} holds ${said.id} at ${order} of ${name}, the master does not`,
      );
    }
    if (isSame(message, said)) return;
    fail('one order', `${who} holds ${said.id} at ${order} of ${name}, which is ${message.id}`);
  }

  at(name: string, order: number): TrueMessage | undefined {
    return this.logs.get(name)?.[order];
  }

  endOf(name: string): number {
    return this.logs.get(name)?.length ?? 0;
  }

  /** How often a log has an id. */
  timesOf(name: string, id: string): number {
    return this.logs.get(name)?.filter((message) => message.id === id).length ?? 0;
  }

  get size(): number {
    return [...this.logs.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Bodies are unique, so a body names the write that has put it there. */
  withBody(body: string): TrueMessage | undefined {
    return this.byBody.get(body);
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
