/**
 * Looks at every step of every node of the log: what it writes, says, answers and shows, against what
 * is on the disks and against the true log. Nothing here asks the core what it thinks of itself, but
 * for what it waits for.
 */

import { invariant } from '../../core/assert';
import type { NodeId, StorageId } from '../../core/ids';
import { messageOf } from '../../core/log/entry';
import { textOfName } from '../../core/log/log_name';
import type { MessageLog } from '../../core/log/message_log';
import type { LogMessage, MessageOf } from '../../core/log/messages';
import type { LogReply, Message } from '../../core/log/requests';
import type { Master } from '../../core/log/roles';
import type { LogEffect, LogState } from '../../core/log/state';
import { Violation } from '../violation';
import { Beginnings } from './beginnings';
import {
  endOf,
  isSame,
  LogDisks,
  type LogOnDisk,
  type Said,
  type Shadow,
  saidAt,
  textOf,
} from './log_disks';
import {
  checkFetched,
  checkHeard,
  checkNobodyIsBlocked,
  checkRecovered,
  formerLog,
  type Seen,
} from './node_checks';
import { TrueLog } from './true_log';

type Node = Readonly<LogState>;
type ReplyOf<Kind extends LogReply['kind']> = Extract<LogReply, { kind: Kind }>;

export class LogWatch {
  readonly truth = new TrueLog();
  readonly disks = new LogDisks();
  private readonly beginnings = new Beginnings();
  private readonly seen = new Map<NodeId, Seen>();
  private readonly lostDisks = new Set<StorageId>();
  /** How often an id was said to be new, by log and id. */
  private readonly saidNew = new Map<string, number>();

  constructor(
    private readonly master: NodeId,
    private readonly keepDroppedIds: number,
    /** Secondaries may forget what they had: what the master knows of them may be of before. */
    private readonly copiesAreCleared: boolean,
  ) {}

  /** A node has started with this log; `last` is the last record of its journal. */
  started(node: NodeId, storage: StorageId, log: MessageLog, last: number): void {
    const former = this.disks.of(node);
    if (former !== undefined && former.storage !== storage) this.lostDisks.add(former.storage);
    const before = this.disks.started(node, storage);
    const of = { heard: last, kept: log.first };
    if (before === undefined) {
      this.seen.set(node, { life: 1, name: '', checkedEnd: 0, shownEnd: 0, first: 0, ...of });
      return;
    }
    this.disks.recovered(node, last, ({ first }) => this.compareDisk(node, first));
    const seen = Object.assign(this.seenOf(node), of);
    checkRecovered(node, before, log);
    if (log.first > Math.max(seen.first, before.base)) {
      fail('recovery', `${node} has lost messages below ${log.first}`);
    }
  }

  persisted(node: NodeId, through: number): void {
    this.disks.persisted(node, through, ({ first }) => this.compareDisk(node, first));
  }

  /** A step, before its effects are carried out. */
  observe(node: Node, effects: readonly LogEffect[]): void {
    const { self, role, log, journal } = node;
    const seen = this.seenOf(self);
    checkHeard(node, this.shadowOf(self));
    for (const effect of effects) {
      if (effect.kind === 'persist') this.disks.hand(self, effect, [seen.kept, log.first]);
      if (effect.kind === 'send') {
        this.checkSaid(node, effect.message);
        this.beginnings.said(self, effect.to, effect.message);
      }
      if (effect.kind === 'reply') this.checkReply(node, effect.reply);
    }
    seen.first = Math.max(seen.first, log.first);
    Object.assign(seen, { heard: journal.durable, kept: log.first });
    this.beginnings.look(node);
    if (role.kind !== 'master') return;
    checkNobodyIsBlocked(self, role, log.durableEnd);
    if (!this.copiesAreCleared) this.checkBelieved(role);
  }

  /** At rest the master has the true log, up to its end. */
  checkMaster({ log }: Node): void {
    const name = textOfName(log.name);
    if (log.end !== this.truth.endOf(name)) {
      fail('lost write', `${name} has ${log.end} messages, it had ${this.truth.endOf(name)}`);
    }
    for (let order = log.first; order < log.end; order++) {
      const { id, body } = messageOf(log.at(order));
      this.truth.check(this.master, name, order, { id, body: textOf(body) });
    }
  }

  /** What has become durable on a disk is compared with the true log, or at the master makes it. */
  private compareDisk(node: NodeId, first: number): void {
    const shadow = this.disks.of(node);
    if (shadow === undefined) return;
    const seen = this.seenOf(node);
    if (seen.life !== shadow.life) {
      Object.assign(seen, { life: shadow.life, checkedEnd: shadow.base });
      Object.assign(seen, { shownEnd: shadow.base, first: shadow.base });
      this.noteForgotten(node, shadow);
    }
    if (seen.name !== shadow.name) this.renamed(node, shadow, seen);
    if (shadow.name === '') return;
    this.checkEnd(node);
    for (; seen.checkedEnd < endOf(shadow); seen.checkedEnd++) {
      const order = seen.checkedEnd;
      const said = saidAt(shadow, order) as Said;
      if (node === this.master) {
        // Of what was dropped before the log was taken over nobody knows the ids.
        const forgottenBelow = Math.max(first - this.keepDroppedIds, shadow.base);
        this.truth.add(shadow.name, order, said, forgottenBelow);
      }
      this.truth.check(node, shadow.name, order, said);
      const message = this.truth.at(shadow.name, order);
      message?.holders.add(node);
      message?.disks.add(shadow.storage);
      message?.forgotten.delete(shadow.storage);
    }
  }

  private checkEnd(node: NodeId): void {
    const shadow = this.shadowOf(node);
    this.truth.checkEnd(node, shadow.name, endOf(shadow));
  }

  /** A secondary that was told to clear its copy has lost it, as if the disk were lost. */
  private noteForgotten(node: NodeId, { storage, name, base, formers }: Shadow): void {
    const former = formers.at(-1);
    if (node === this.master || former?.name !== name || base > 0) return;
    for (let order = former.base; order < endOf(former); order++) {
      this.truth.at(name, order)?.forgotten.add(storage);
    }
  }

  /** A disk has another log than before, or the same messages under another name. */
  private renamed(node: NodeId, shadow: Shadow, seen: Seen): void {
    const hadNone = seen.name === '';
    Object.assign(seen, { name: shadow.name, checkedEnd: shadow.base });
    if (node !== this.master) return;
    const isTaken = hadNone && this.lostDisks.size > 0;
    if (isTaken || shadow.continues !== undefined) {
      this.truth.succeed(shadow.name, shadow.continues, this.lostDisks);
      for (const other of this.disks.nodes) this.checkEnd(other);
    } else this.truth.begin(shadow.name);
  }

  /** What the master takes for durable at a secondary with this disk is on that disk. */
  private checkBelieved({ all }: Master): void {
    for (const { id, disk, match, isFollowing } of all) {
      const shadow = this.disks.of(id);
      if (!isFollowing || shadow === undefined || shadow.storage !== disk) continue;
      if (match <= endOf(shadow)) continue;
      fail('durable before said', `${id} is thought to hold ${match}, it holds ${endOf(shadow)}`);
    }
  }

  private checkSaid(node: Node, message: LogMessage): void {
    const { self, log } = node;
    const shadow = this.shadowOf(self);
    switch (message.kind) {
      case 'append':
        return this.checkSent(self, message);
      case 'begin':
        if (textOfName(message.name) === shadow.name) return;
        return fail('durable before said', `${self} begins a log that is not on its disk`);
      case 'held':
      case 'hello': {
        const name = textOfName(message.kind === 'hello' ? message.name : log.name);
        if (message.kind === 'hello' && message.asked > 0 && log.end > endOf(shadow)) {
          fail('beginnings', `${self} answers before its disk has all that it has taken in`);
        }
        if (name === shadow.name && message.end <= endOf(shadow)) return;
        return fail('durable before said', `${self} says it holds ${message.end} of ${name}`);
      }
      case 'fetched':
        return checkFetched(self, shadow, message);
      case 'heartbeat':
      case 'failed':
      case 'ask':
      case 'fetch':
        return;
    }
  }

  private checkSent(node: NodeId, { name, entries }: MessageOf<'append'>): void {
    for (const entry of entries) {
      const { order, id, body } = messageOf(entry);
      if (isSame(this.truth.at(textOfName(name), order), { id, body: textOf(body) })) continue;
      fail('durable before said', `${node} sends ${id} at ${order}, which is not on its disk`);
    }
  }

  private checkReply(node: Node, reply: LogReply): void {
    if (reply.kind === 'appended') this.checkAppended(node, reply);
    if (reply.kind === 'late') this.checkCopies(node, reply);
    if (reply.kind === 'messages') this.checkShown(node.self, reply);
  }

  private checkAppended(node: Node, reply: ReplyOf<'appended'>): void {
    const { id, isNew } = reply;
    const name = textOfName(node.log.name);
    this.checkCopies(node, reply);
    if (!isNew) return;
    const times = 1 + (this.saidNew.get(`${name} ${id}`) ?? 0);
    this.saidNew.set(`${name} ${id}`, times);
    if (times <= this.truth.timesOf(name, id)) return;
    fail('exactly once', `${id} was said to be new ${times} times in ${name}`);
  }

  private checkCopies(node: Node, reply: ReplyOf<'appended'> | ReplyOf<'late'>): void {
    const { id, order, copies } = reply;
    const message = this.truth.at(textOfName(node.log.name), order);
    const isThere = message?.id === id && message.holders.size >= copies;
    if (isThere) message.copies = Math.max(message.copies, copies);
    if (isThere || (reply.kind === 'late' && copies === 0)) return;
    const held = message?.id === id ? message.holders.size : 0;
    fail('durable before said', `${id} is said to be on ${copies} disks, it is on ${held}`);
  }

  private checkShown(node: NodeId, reply: ReplyOf<'messages'>): void {
    const { log, messages, next, first, end } = reply;
    const shadow = this.shadowOf(node);
    const seen = this.seenOf(node);
    // A master that has no log yet, or not all of it.
    if (node === this.master && log === '' && end === 0) return;
    const former = formerLog(shadow, log, end, seen.heard);
    const isElsewhere = (log !== '' && log !== shadow.name) || end > endOf(shadow);
    if (former === undefined && isElsewhere) {
      fail('durable before shown', `${node} shows ${end} of ${log}, its disk has less`);
    }
    if (former === undefined) {
      if (end < seen.shownEnd) fail('taken back', `${node} has shown ${seen.shownEnd}, now ${end}`);
      seen.shownEnd = end;
    }
    const disk = former ?? shadow;
    const from = next - messages.length;
    messages.forEach((message, i) => {
      if (message.order !== from + i) fail('gap', `${node} shows ${message.order} at ${from + i}`);
      if (message.order < first || message.order >= end) fail('gap', `${node} shows too much`);
      this.checkShownMessage(node, disk, message);
    });
  }

  private checkShownMessage(node: NodeId, shadow: LogOnDisk, { order, id, body }: Message): void {
    const said = { id, body: textOf(body) };
    if (!isSame(saidAt(shadow, order), said)) {
      fail('durable before shown', `${node} shows ${id} at ${order}, its disk has another`);
    }
    if (shadow.name !== '') this.truth.check(node, shadow.name, order, said);
  }

  private shadowOf(node: NodeId): Shadow {
    const shadow = this.disks.of(node);
    invariant(shadow !== undefined, 'the node has a disk', { node });
    return shadow;
  }

  private seenOf(node: NodeId): Seen {
    const seen = this.seen.get(node);
    invariant(seen !== undefined, 'the node was started', { node });
    return seen;
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
