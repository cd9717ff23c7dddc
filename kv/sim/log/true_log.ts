/**
 * The dumb oracle: what each log really is. A message becomes part of it when it is durable at the
 * master, and never changes or goes away; everything that anybody holds, sends or is shown is
 * compared with that.
 */

import type { StorageId } from '../../core/ids';
import { Violation } from '../violation';
import { isSame, type Said } from './log_disks';

/** A message of the log, and what became of it. */
export interface TrueMessage extends Said {
  readonly order: number;
  /** Nodes whose disk has had it. */
  readonly holders: Set<string>;
  /** The disks that have had it, lost or not. */
  readonly disks: Set<StorageId>;
  /** Those of them that were told to forget it, by a clear of one copy. */
  readonly forgotten: Set<StorageId>;
  /** The most copies that a client was told of; 0 before anybody was. */
  copies: number;
}

export interface Continued {
  readonly name: string;
  readonly end: number;
}

export class TrueLog {
  /** What the master writes, or wrote last. */
  private newest = '';
  /** How often the master went on with a former log after its disk was lost. */
  takenOver = 0;
  /** Where logs end that the master has gone on with under another name. */
  private readonly ends = new Map<string, number>();
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
    const message = {
      ...said,
      order,
      holders: new Set<string>(),
      forgotten: new Set<StorageId>(),
      disks: new Set<StorageId>(),
      copies: 0,
    };
    log.push(message);
    this.byBody.set(said.body, message);
  }

  /**
   * The master goes on under another name after its disk was lost: with the beginning of a former log,
   * or with nothing. Whatever is not taken over is lost, and only if enough disks are may it be.
   */
  succeed(name: string, from: Continued | undefined, lost: ReadonlySet<StorageId>): void {
    const former = this.logs.get(from?.name ?? '') ?? [];
    const end = from?.end ?? 0;
    if (end > former.length) {
      fail(
        'invented',
        `${name} takes ${end} messages over from ${from?.name}, of ${former.length}`,
      );
    }
    const taken = new Set(former.slice(0, end));
    for (const message of this.logs.get(this.newest) ?? []) {
      const { id, copies, disks, forgotten } = message;
      if (taken.has(message)) continue;
      const gone = [...disks].filter((disk) => lost.has(disk) || forgotten.has(disk)).length;
      if (copies === 0 || gone >= copies) continue;
      fail('lost write', `${id} was on ${copies} disks, ${gone} are lost, ${name} lacks it`);
    }
    if (from !== undefined) {
      this.takenOver++;
      this.ends.set(from.name, end);
    }
    this.newest = name;
    this.logs.set(name, [...taken]);
  }

  /** A disk has so much of a log: no more than was taken over, if that went on under another name. */
  checkEnd(who: string, name: string, end: number): void {
    const last = this.ends.get(name);
    if (last === undefined || end <= last) return;
    fail('invented', `${who} holds ${end} of ${name}, which has gone on from ${last} elsewhere`);
  }

  /** The log was cleared, or began for the first time. */
  begin(name: string): void {
    this.newest = name;
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
