/**
 * A replicated message log, as a pure state machine: one master, any number of secondaries.
 *
 * The master gives every message its order and its id and writes it to its disk (`appends.ts`); what is
 * durable there goes to every secondary (`replication.ts`); a client is answered when as many disks
 * have its message as it asked for (`waiting_write.ts`). Every log is a beginning of the master's
 * log, without a gap (`secondary_copy.ts`). Which log that is, its name says (`log_name.ts`), and
 * who begins with whom is agreed upon before anything is sent (`attempts.ts`, `greeting.ts`). A master
 * with an empty disk asks first what there is (`learn.ts`).
 *
 * One call of `step` takes everything that has happened and goes once through the rules:
 *
 *     1. what was received    each message and request by the function that is named for it
 *     2. what time demands    heartbeats, retries, deadlines, what was delayed on request
 *     3. what follows         sending on, answering, dropping what is too old, snapshots
 *
 * Nothing is said or shown before the disk has it. DESIGN.md says what is promised and what is not.
 */

import { invariant, unreachable } from '../assert';
import type { JournalSequence, Millis, NodeId } from '../ids';
import type { Effect, Event, Protocol } from '../protocol';
import { answerWaiting, receiveAppend, receiveGiveUp } from './appends';
import { receiveAsk, receiveFetch } from './asked';
import { receiveHeld, receiveHello, sendBegins } from './attempts';
import { answerClearings, receiveClear } from './clearing';
import { answerPending, receiveReplicate } from './external';
import {
  linkToMaster,
  receiveBegin,
  receiveAppend as receiveEntries,
  receiveHeartbeat,
  speak,
} from './greeting';
import { checkState } from './invariants';
import { ask, learn, receiveAnswer, receiveFetched } from './learn';
import type { LogMessage } from './messages';
import { describe } from './narration';
import type { LogOptions } from './options';
import type { Progress } from './progress';
import { beat, heard, linkChanged } from './reachability';
import { answerFollowers, failFollowers, receiveFollow, receiveRead } from './readers';
import { catchUp, receiveFailed, replicate } from './replication';
import type { LogReply, LogRequest } from './requests';
import { applyRetention } from './retention';
import type { Master, Secondary } from './roles';
import { maybeTakeSnapshot, snapshotSaved, snapshotWritten } from './snapshots';
import { type InitialState, LogState } from './state';
import { type LogStatus, statusOf } from './status';
import { takeDelayed } from './trouble';

type LogEvent = Event<LogMessage, LogRequest>;

export class ReplicatedLog implements Protocol<LogMessage, LogRequest, LogReply> {
  private readonly state: LogState;

  /** `initial` is what `recover` made of the data folder. */
  constructor(options: LogOptions, initial: InitialState, now: Millis) {
    this.state = new LogState(options, initial, now);
  }

  step(at: Millis, events: readonly LogEvent[]): Effect<LogMessage, LogReply>[] {
    const node = this.state;
    invariant(at >= node.now, 'time never goes back', { at, now: node.now });
    node.now = at;
    for (const event of events) receive(node, event);
    settle(node);
    checkState(node);
    return node.takeEffects();
  }

  get wakeAt(): Millis {
    return this.state.wakeAt;
  }

  /** A report for operators; costs a little, changes nothing. */
  status(): LogStatus {
    return statusOf(this.state);
  }

  /** The state itself, for checkers and tests; nobody else looks. */
  get inspect(): Readonly<LogState> {
    return this.state;
  }
}

function receive(node: LogState, event: LogEvent): void {
  switch (event.kind) {
    case 'message':
      return receiveMessage(node, event.from, event.message);
    case 'request':
      return receiveRequest(node, event);
    case 'persisted':
      return receivePersisted(node, event.through);
    case 'link':
      return receiveLink(node, event.peer, event.up);
    case 'snapshot_written':
      return snapshotWritten(node, event.snapshot, event.through);
    case 'snapshot_saved':
      return snapshotSaved(node, event.snapshot);
    case 'snapshot_data':
    case 'wake':
      return;
    default:
      return unreachable(event);
  }
}

function receivePersisted(node: LogState, through: JournalSequence): void {
  // Not before: whoever was told would begin again, and would be shown the old log once more.
  if (node.persisted(through)) failFollowers(node);
}

function receiveRequest(node: LogState, event: Extract<LogEvent, { kind: 'request' }>): void {
  const { id, request } = event;
  switch (request.kind) {
    case 'append':
      return receiveAppend(node, id, request);
    case 'give_up':
      return receiveGiveUp(node, id, request);
    case 'read':
      return receiveRead(node, id, request);
    case 'follow':
      return receiveFollow(node, id, request);
    case 'replicate':
      return receiveReplicate(node, id, request);
    case 'clear':
      return receiveClear(node, id, request);
    default:
      return unreachable(request);
  }
}

function receiveLink(node: LogState, peer: NodeId, up: boolean): void {
  const { role } = node;
  if (role.kind === 'secondary') {
    if (peer === role.options.master) linkToMaster(node, up);
    return;
  }
  const progress = role.secondaries.get(peer);
  if (progress === undefined) return;
  linkChanged(node, role, progress, up);
  if (up && role.learning !== undefined) ask(node, role.learning, progress);
}

/** Only from whom it belongs with: a master hears its secondaries, a secondary its master. */
function receiveMessage(node: LogState, from: NodeId, message: LogMessage): void {
  if (node.options.trace) node.narrate(`← ${from} ${describe(message)}`);
  const { role } = node;
  if (role.kind === 'secondary') {
    if (from === role.options.master) hearMaster(node, role, message);
    return;
  }
  const progress = role.secondaries.get(from);
  if (progress === undefined) return;
  heard(node, role, progress);
  hearSecondary(node, role, progress, message);
}

function hearMaster(node: LogState, secondary: Secondary, message: LogMessage): void {
  switch (message.kind) {
    case 'begin':
      return receiveBegin(node, secondary, message);
    case 'append':
      return receiveEntries(node, secondary, message);
    case 'heartbeat':
      return receiveHeartbeat(node, secondary, message);
    case 'ask':
      return receiveAsk(node, secondary, message);
    case 'fetch':
      return receiveFetch(node, secondary, message);
    // Another secondary was configured as its master: nothing comes of that.
    case 'hello':
    case 'held':
    case 'failed':
    case 'fetched':
      return;
    default:
      return unreachable(message);
  }
}

function hearSecondary(
  node: LogState,
  master: Master,
  progress: Progress,
  message: LogMessage,
): void {
  switch (message.kind) {
    case 'hello':
      if (master.learning !== undefined)
        return receiveAnswer(node, master.learning, progress, message);
      return receiveHello(node, master, progress, message);
    case 'fetched':
      return receiveFetched(node, master, progress, message);
    case 'held':
      return receiveHeld(node, master, progress, message);
    case 'failed':
      return receiveFailed(node, master, progress, message);
    // Another master was configured as its secondary: nothing comes of that.
    case 'begin':
    case 'append':
    case 'heartbeat':
    case 'ask':
    case 'fetch':
      return;
    default:
      return unreachable(message);
  }
}

/** What time demands, and what follows from everything that was received. */
function settle(node: LogState): void {
  const { role } = node;
  if (role.kind === 'master') {
    if (role.learning !== undefined) learn(node, role, role.learning);
    if (role.learning !== undefined) return answerFollowers(node);
    beat(node, role);
    sendBegins(node, role);
    replicate(node, role);
    answerWaiting(node, role);
    answerClearings(node, role);
    catchUp(node, role);
    applyRetention(node);
  } else {
    takeDelayed(node, role);
    speak(node, role);
    answerPending(node, role);
  }
  answerFollowers(node);
  maybeTakeSnapshot(node);
}
