/**
 * A convergent replica, as a pure state machine: a map that every replica may change at any time,
 * alone or cut off, and that ends equal on all of them once they can talk.
 *
 * What a key holds is a set of stamped parts, merged by one rule (`parts.ts`); stamps are readings of
 * a hybrid logical clock (`clock.ts`); a vector says what a replica has seen (`vectors.ts`). Changes
 * are pushed at once (`pushing.ts`), replicas report what they have seen (`reporting.ts`), and who
 * lacks something asks for exactly that (`pulling.ts`, `giving.ts`). Deletes are remembered until all
 * have them (`collecting.ts`), and who "all" are is in the map itself (`peers.ts`, `registering.ts`).
 *
 * One call of `step` takes everything that has happened and goes once through the rules:
 *
 *     1. what was received        each message by the function that is named for it
 *     2. what time demands        deadlines
 *     3. what follows from both   pushes that fit now, peers, telling and asking, collecting
 *
 * and returns what is to be done. Nothing that a client or a peer is told is ahead of the disk, and
 * no answer waits for a peer. DESIGN.md says what is promised and what is not.
 */

import { invariant, unreachable } from '../assert';
import { type Millis, millis, type NodeId, type RequestId } from '../ids';
import type { Effect, Event, Protocol } from '../protocol';
import { collectTombstones } from './collecting';
import { receivePull } from './giving';
import { checkState } from './invariants';
import type { ConvergentMessage } from './messages';
import { describe } from './narration';
import type { ConvergentOptions } from './options';
import type { PeerState } from './peers';
import { pullAt, pullWhatIsMissing, receivePart } from './pulling';
import { pushChanges, receivePush, takeHeldPushes } from './pushing';
import type { InitialState } from './recovery';
import { readPeers, receiveRegister, receiveUnregister } from './registering';
import { linkChanged, receiveReport, reportAt, sendReports } from './reporting';
import type { ConvergentReply, ConvergentRequest } from './requests';
import { ConvergentState } from './state';
import { type ConvergentStatus, type Peer, peersOf, statusOf } from './status';
import { receiveGet, receiveState, receiveUpdate } from './updates';

type ConvergentEvent = Event<ConvergentMessage, ConvergentRequest>;

export class Convergent implements Protocol<ConvergentMessage, ConvergentRequest, ConvergentReply> {
  private readonly state: ConvergentState;

  /** `initial` is what `recover` made of the data folder. */
  constructor(options: ConvergentOptions, initial: InitialState, now: Millis) {
    this.state = new ConvergentState(options, initial, now);
    const { peers, store } = this.state;
    peers.read(store);
    for (const peer of peers.all) peer.reportNow = 'ask';
  }

  step(
    at: Millis,
    events: readonly ConvergentEvent[],
  ): Effect<ConvergentMessage, ConvergentReply>[] {
    const node = this.state;
    invariant(at >= node.now, 'time never goes back', { at, now: node.now });
    node.now = at;
    for (const event of events) receive(node, event);
    node.alarms.ring(at);
    settle(node);
    checkState(node);
    return node.takeEffects();
  }

  get wakeAt(): Millis {
    return wakeAt(this.state);
  }

  /** A report for operators; costs a little, changes nothing. */
  status(): ConvergentStatus {
    return statusOf(this.state);
  }

  /** Whom the driver has to reach, and where: all registered nodes but this one. */
  peers(): Peer[] {
    return peersOf(this.state);
  }

  /** The state itself, for checkers and tests; nobody else looks. */
  get inspect(): Readonly<ConvergentState> {
    return this.state;
  }
}

function receive(node: ConvergentState, event: ConvergentEvent): void {
  switch (event.kind) {
    case 'message':
      return receiveMessage(node, event.from, event.message);
    case 'request':
      return receiveRequest(node, event.id, event.request);
    case 'persisted':
      node.journal.persisted(event.through);
      return node.persisted();
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

function receiveRequest(node: ConvergentState, id: RequestId, request: ConvergentRequest): void {
  if ('wall' in request) node.clock.setWall(request.wall, node.now);
  switch (request.kind) {
    case 'update':
      return receiveUpdate(node, id, request);
    case 'get':
      return receiveGet(node, id, request);
    case 'state':
      return receiveState(node, id, request);
    case 'register':
      return receiveRegister(node, id, request);
    case 'unregister':
      return receiveUnregister(node, id, request);
    case 'clock':
      return node.reply(id, { kind: 'done' });
    default:
      return unreachable(request);
  }
}

function receiveMessage(node: ConvergentState, from: NodeId, message: ConvergentMessage): void {
  if (node.options.trace) node.narrate(`← ${from} ${describe(message)}`);
  // Nobody else may speak for this replica, or for this node.
  if (from === node.self || message.replica === node.replica) return;
  const peer = node.peers.ofAnyone(from);
  if (!isOfPeer(node, peer, message)) return;
  peer.linkIsDown = false;
  const awayMs = node.now - (peer.unheardSince ?? node.now);
  if (awayMs > node.options.silentMs) peer.waitMs = node.options.reportMinMs;
  peer.unheardSince = undefined;
  peer.heardAt = node.now;
  dispatch(node, from, peer, message);
}

/** Whether a message is of the disk that the node has now. A new one is believed until others know. */
function isOfPeer(node: ConvergentState, peer: PeerState, message: ConvergentMessage): boolean {
  const known = node.peers.registered.get(peer.node)?.replica ?? 0;
  if (known === 0 || !node.peers.isPeer(peer.node)) peer.becomes(message.replica);
  return peer.replica === message.replica || message.kind !== 'push';
}

function dispatch(
  node: ConvergentState,
  from: NodeId,
  peer: PeerState,
  message: ConvergentMessage,
): void {
  switch (message.kind) {
    case 'push':
      return receivePush(node, from, peer, message);
    case 'report':
      return receiveReport(node, peer, message);
    case 'pull':
      return receivePull(node, from, peer, message);
    case 'part':
      return receivePart(node, from, peer, message);
    default:
      return unreachable(message);
  }
}

/** What follows from everything that was received, and from the time. */
function settle(node: ConvergentState): void {
  takeHeldPushes(node);
  readPeers(node);
  collectTombstones(node);
  pushChanges(node);
  pullWhatIsMissing(node);
  sendReports(node);
  node.snapshots.maybeBegin();
}

function wakeAt(node: ConvergentState): Millis {
  let at = Math.min(node.nextAlarm, node.compareAt);
  const { pulling } = node;
  if (pulling !== undefined) at = Math.min(at, pulling.askedAt + node.options.pullMs);
  for (const peer of node.peers.everybody) {
    at = Math.min(at, reportAt(node, peer));
    if (pulling === undefined) at = Math.min(at, pullAt(node, peer));
  }
  return millis(Math.max(at, node.now));
}
