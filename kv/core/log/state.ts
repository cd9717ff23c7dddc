/**
 * The state of one node, and the few things that every rule needs: to say something, to write
 * something down, to answer. What the rules do is in the files that are named for them.
 */

import { invariant } from '../assert';
import type { OperatingError } from '../errors';
import {
  type JournalSequence,
  journalSequence,
  type Millis,
  millis,
  NEVER,
  type NodeId,
  type RequestId,
} from '../ids';
import { Prng } from '../prng';
import type { Effect, Lane } from '../protocol';
import { Followers } from './followers';
import type { HeldMessage } from './held_messages';
import type { Journal } from './journal';
import { Learning } from './learning';
import { type Base, isSameLog, type LogName, textOfName } from './log_name';
import { MessageLog } from './message_log';
import type { LogMessage } from './messages';
import { describe } from './narration';
import type { LogOptions } from './options';
import type { LogReply } from './requests';
import { Master, type Role, Secondary } from './roles';
import type { TakingSnapshot } from './snapshots';

export type LogEffect = Effect<LogMessage, LogReply>;

/** What `recover` makes of a data folder. */
export interface InitialState {
  readonly log: MessageLog;
  readonly journal: Journal;
  /** Below this order everything came from the master. */
  readonly confirmedEnd: number;
  /** Messages beyond a gap that came from outside. */
  readonly held: readonly HeldMessage[];
  /** Bytes of messages that left the log before, and whose records no snapshot has let go. */
  readonly droppedBytes: number;
}

export class LogState {
  log: MessageLog;
  readonly journal: Journal;
  readonly role: Role;
  readonly followers = new Followers();
  /** Bytes of messages that have left the log since the last snapshot was begun. */
  droppedBytes: number;
  taking: TakingSnapshot | undefined;
  /** The logs before, oldest first, as long as the disk does not know yet that the next one has begun. */
  private readonly formers: MessageLog[] = [];
  readonly prng: Prng;
  private effects: LogEffect[] = [];

  constructor(
    readonly options: LogOptions,
    initial: InitialState,
    public now: Millis,
  ) {
    this.log = initial.log;
    this.journal = initial.journal;
    this.droppedBytes = initial.droppedBytes;
    this.prng = new Prng(options.seed, `log ${now} ${initial.journal.sequence}`);
    const { role } = options;
    const number = 1 + this.prng.between(0, 2 ** 31);
    if (role.kind === 'master') {
      this.role = new Master(role, now, number);
      if (this.log.name !== undefined && this.log.isWhole) return;
      this.role.learning = new Learning(++this.role.lastAttempt, now);
      // What was fetched before it is whole is shown to nobody.
      if (!this.log.isWhole) this.formers.push(new MessageLog(undefined, 0, journalSequence(0)));
    } else this.role = new Secondary(role, number, initial.confirmedEnd);
    if (this.role.kind === 'secondary') for (const held of initial.held) this.role.held.put(held);
  }

  get self(): NodeId {
    return this.options.self;
  }

  /** What readers may be shown: a crash cannot bring back another log. */
  get shown(): MessageLog {
    return this.formers[0] ?? this.log;
  }
  /** How many logs have begun of which the disk does not know yet. */
  get undurableLogs(): number {
    return this.formers.length;
  }

  /** The disk has got further. Returns whether what readers were shown until now is over. */
  persisted(through: JournalSequence): boolean {
    const { formers, log, journal, shown } = this;
    journal.persisted(through);
    for (const former of formers) former.noteDurable(journal.durable);
    log.noteDurable(journal.durable);
    const isThere = ({ begun, isWhole }: MessageLog): boolean =>
      isWhole && begun <= journal.durable;
    formers.splice(0, [...formers, log].findLastIndex(isThere));
    return shown !== this.shown && !continues(this.shown, shown);
  }

  /** An empty log begins, under this name and at this order. */
  beginLog(name: LogName | undefined, first: number): void {
    this.journal.write({ kind: 'begun', name, first });
    this.replaceLog(new MessageLog(name, first, this.journal.sequence));
  }

  /** As `beginLog`, and the messages of another log are to be fetched from this order on. */
  continueLog(name: LogName, first: number, base: Base): void {
    this.journal.write({ kind: 'continued', name, first, base });
    this.replaceLog(new MessageLog(name, first, this.journal.sequence, base));
  }

  private replaceLog(log: MessageLog): void {
    this.droppedBytes += this.log.bytes;
    // What has not been fetched wholly was never shown: what was shown before it still is.
    if (this.log.isWhole) this.formers.push(this.log);
    this.log = log;
    this.narrate(`begins log ${textOfName(log.name)} at ${log.first}`);
  }

  send(to: NodeId, message: LogMessage, lane: Lane = 'control'): void {
    if (this.options.trace) this.narrate(`→ ${to} ${describe(message)}`);
    this.effects.push({ kind: 'send', to, lane, message });
  }

  reply(id: RequestId, reply: LogReply): void {
    this.effects.push({ kind: 'reply', id, reply });
  }

  fail(id: RequestId, error: OperatingError): void {
    this.reply(id, { kind: 'failed', error });
  }

  effect(effect: LogEffect): void {
    this.effects.push(effect);
  }

  narrate(text: string): void {
    if (this.options.trace) this.effects.push({ kind: 'trace', line: `${this.self} ${text}` });
  }

  /** What this step does, its records first: nothing that follows is true without them. */
  takeEffects(): LogEffect[] {
    const flushed = this.journal.flush(this.now);
    const { effects } = this;
    this.effects = [];
    if (flushed !== undefined) effects.unshift({ kind: 'persist', ...flushed });
    return effects;
  }

  get wakeAt(): Millis {
    const { role, followers } = this;
    if (role.kind === 'secondary') {
      const deadline = Math.min(followers.nextDeadline, role.replies.nextDeadline);
      return millis(Math.min(deadline, role.delayed[0]?.at ?? NEVER));
    }
    const retries = role.all.map(({ retryAt }) => retryAt);
    const clearings = role.clearings.map(({ deadline }) => deadline);
    const learning = role.learning?.deadlines(role.options, this.now) ?? [];
    return millis(
      Math.min(
        ...[followers.nextDeadline, role.waiting.nextDeadline, role.nextHeartbeat],
        ...[...retries, ...clearings, ...learning],
      ),
    );
  }
}

/** Whether one begins behind all of the other, of the same log: its readers have missed no clear. */
const continues = (one: MessageLog, other: MessageLog): boolean =>
  isSameLog(one.name, other.name) && one.first >= other.durableEnd;

/** For rules that only one role has: who comes here in another role is lost. */
export function masterOf(node: LogState): Master {
  invariant(node.role.kind === 'master', 'a rule of masters', { role: node.role.kind });
  return node.role;
}
export function secondaryOf(node: LogState): Secondary {
  invariant(node.role.kind === 'secondary', 'a rule of secondaries', { role: node.role.kind });
  return node.role;
}
