/**
 * Dynamo, as a pure state machine: leaderless replication after DeCandia et al., "Dynamo: Amazon's
 * Highly Available Key-value Store" (2007, "the paper").
 *
 * Each key lies on N nodes by consistent hashing (`ring.ts`). Any node takes any request and
 * coordinates it (`puts.ts`, `gets.ts` on `operations.ts`); who cannot be reached is stood in for.
 * Concurrent versions are kept side by side (`versions.ts`, `past.ts`) and told apart by metadata
 * that is the same string everywhere (`metadata.ts`). What lies in the wrong place is handed over
 * (`deliveries.ts`, `exchanges.ts`), what differs is found and made equal (`anti_entropy.ts`), and
 * members come and go when an operator says so (`membership.ts`).
 *
 * One call of `step` takes everything that has happened and goes once through the rules:
 *
 *     1. what was received        each message by the function that is named for it
 *     2. what time demands        stand-ins, deadlines, pings, rounds of comparison
 *     3. what follows from both   keys that lie wrong, joining and leaving, handing over, snapshots
 *
 * and returns what is to be done. Nothing is acknowledged before the disk has it (`journal.ts`).
 * DESIGN.md says what is promised and what is not.
 */

import { invariant, unreachable } from '../assert';
import type { Millis, NodeId } from '../ids';
import type { Effect, Event, Protocol } from '../protocol';
import {
  askRoot,
  receiveBranches,
  receiveLeaves,
  receiveRoot,
  startAntiEntropy,
} from './anti_entropy';
import { receiveSurvey, receiveSurveyed } from './collecting';
import { receiveCompare, receiveCompared, receivePush, receivePushed } from './comparing';
import { giveWhatIsOwed } from './exchanges';
import { receiveFetched, receiveGet } from './gets';
import { checkState } from './invariants';
import { receiveFetch, receiveStore } from './keeping';
import {
  enter,
  moveOn,
  noteUntold,
  receiveJoin,
  receiveJoinRequest,
  receiveLeaveRequest,
  receiveMembers,
  tellIfUntold,
} from './membership';
import type { DynamoMessage, MessageKind, MessageOf } from './messages';
import { describe } from './narration';
import type { DynamoOptions } from './options';
import { receivePut, receiveStored } from './puts';
import type { DynamoReply, DynamoRequest } from './requests';
import { DynamoState, type InitialState } from './state';
import { aliveMembers, type DynamoStatus, lookUp, statusOf } from './status';
import { linkChanged, probe } from './suspicion';
import { sweepSome } from './sweeping';

type DynamoEvent = Event<DynamoMessage, DynamoRequest>;

export class Dynamo implements Protocol<DynamoMessage, DynamoRequest, DynamoReply> {
  private readonly state: DynamoState;

  /** `initial` is what `recover` made of the data folder. */
  constructor(options: DynamoOptions, initial: InitialState, now: Millis) {
    this.state = new DynamoState(options, initial, now);
    const node = this.state;
    reserveEpochs(node);
    enter(node);
    startAntiEntropy(node);
  }

  step(at: Millis, events: readonly DynamoEvent[]): Effect<DynamoMessage, DynamoReply>[] {
    const node = this.state;
    invariant(at >= node.now, 'time never goes back', { at, now: node.now });
    node.now = at;
    for (const event of events) receive(node, event);
    node.alarms.ring(at);
    probe(node);
    settle(node);
    checkState(node);
    return node.takeEffects();
  }

  get wakeAt(): Millis {
    return this.state.wakeAt;
  }

  /** A report for operators; costs a little, changes nothing. */
  status(): DynamoStatus {
    return statusOf(this.state);
  }

  /** The homes of a key in the order of preference: names and addresses. */
  lookUp(key: string): (readonly [name: string, id: NodeId])[] {
    return lookUp(this.state, key);
  }

  /** The names of the members thought to be alive. */
  aliveMembers(): string[] {
    return aliveMembers(this.state);
  }

  /** The state itself, for checkers and tests; nobody else looks. */
  get inspect(): Readonly<DynamoState> {
    return this.state;
  }
}

function receive(node: DynamoState, event: DynamoEvent): void {
  switch (event.kind) {
    case 'message':
      return receiveMessage(node, event.from, event.message);
    case 'request':
      return receiveRequest(node, event);
    case 'persisted':
      return node.journal.persisted(event.through);
    case 'link':
      return linkChanged(node, event.peer, event.up);
    case 'snapshot_written':
      return node.snapshots.written(event.snapshot, event.through);
    case 'snapshot_saved':
      return node.snapshots.saved(event.snapshot);
    case 'snapshot_data':
    case 'wake':
      return;
    default:
      return unreachable(event);
  }
}

function receiveRequest(node: DynamoState, event: Extract<DynamoEvent, { kind: 'request' }>): void {
  const { id, request } = event;
  switch (request.kind) {
    case 'get':
      return receiveGet(node, id, request);
    case 'put':
      return receivePut(node, id, request);
    case 'join':
      return receiveJoinRequest(node, id, request);
    case 'leave':
      return receiveLeaveRequest(node, id);
    default:
      return unreachable(request);
  }
}

type Receiver<Kind extends MessageKind> = (
  node: DynamoState,
  from: NodeId,
  message: MessageOf<Kind>,
) => void;

/** Who receives what: complete by type. */
const RECEIVERS: { readonly [Kind in MessageKind]: Receiver<Kind> } = {
  store: receiveStore,
  stored: receiveStored,
  fetch: receiveFetch,
  fetched: receiveFetched,
  ping: (node, from) => node.send(from, { kind: 'pong' }),
  pong: () => undefined,
  join: receiveJoin,
  members: receiveMembers,
  root: receiveRoot,
  branches: receiveBranches,
  leaves: receiveLeaves,
  compare: receiveCompare,
  compared: receiveCompared,
  push: receivePush,
  pushed: receivePushed,
  survey: receiveSurvey,
  surveyed: receiveSurveyed,
};

function receiveMessage(node: DynamoState, from: NodeId, message: DynamoMessage): void {
  if (node.options.trace) node.narrate(`← ${from} ${describe(message)}`);
  const isKnown = node.table.find(from) !== undefined;
  const isOfGroup = message.group === node.group && node.group !== 0;
  const isInvitation = message.kind === 'members' && node.group === 0 && from === node.seed;
  // Another group's message by a wrong address, or a stranger's: not even answered.
  if (message.kind !== 'join' && !isInvitation && !(isOfGroup && isKnown)) return;
  if (isKnown) {
    if (node.suspects.heard(from, node.now)) node.narrate(`hears ${from} again`);
    const speaksOfTable = message.kind === 'members' || message.kind === 'join';
    if (message.table === node.table.digest) node.untold.delete(from);
    else if (!speaksOfTable) noteUntold(node, from);
    tellIfUntold(node, from);
  }
  (RECEIVERS[message.kind] as Receiver<MessageKind>)(node, from, message);
}

/** What follows from everything that was received, and from the time. */
function settle(node: DynamoState): void {
  sweepSome(node);
  moveOn(node);
  giveWhatIsOwed(node);
  for (const peer of node.recheck) askRoot(node, peer);
  node.recheck.clear();
  reserveEpochs(node);
  node.snapshots.maybeBegin();
}

function reserveEpochs(node: DynamoState): void {
  const through = node.issuer.reserve();
  if (through === undefined) return;
  node.journal.write({ kind: 'epochs', through });
  node.journal.whenDurable(() => node.issuer.reservedDurably(through));
}
