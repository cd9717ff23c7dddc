/**
 * Raft, as a pure state machine: the consensus algorithm of Ongaro and Ousterhout ("the paper",
 * §5 to §8) with what Ongaro's dissertation adds for production: PreVote, CheckQuorum, leader
 * stickiness, ReadIndex and leases, client sessions, leadership transfer.
 *
 * One call of `step` takes everything that has happened and goes once through the rules:
 *
 *     1. what was received          each message by the file that is named for it
 *     2. what time demands          election timeouts, a lost quorum, deadlines of clients
 *     3. what follows from both     commit, apply, reads, snapshots
 *     4. what others must be told   entries and heartbeats (a follower acknowledges before 3.)
 *
 * and returns what is to be done. The state is in `state.ts`, what a role adds to it in `roles.ts`
 * and `leadership.ts`. Nothing is said before the disk has what it depends on: see `journal.ts`.
 *
 * Caveats, stated rather than hidden. Membership is fixed but for the disks of the members
 * (`membership.ts`); there is room for joint consensus, but no request for it yet. The log behind
 * the last snapshot is kept in memory. Nodes that lie (Byzantine faults) are not tolerated.
 */

import { invariant, unreachable } from '../assert';
import { type Millis, millis, type NodeId } from '../ids';
import type { Event, Protocol } from '../protocol';
import { advanceCommit, applyAnswered, applyCommitted } from './apply';
import { Clients } from './clients';
import {
  electionTimeout,
  ownVoteDurable,
  receivePreVote,
  receivePreVoteReply,
  receiveRequestVote,
  receiveRequestVoteReply,
} from './election';
import { silenceDeadline } from './election_timing';
import { receiveForward } from './forwarding';
import { checkState } from './invariants';
import { protectsLeader } from './leader_contact';
import { type Leader, quorumAge } from './leadership';
import { continueTransfer, receiveTimeoutNow } from './leadership_transfer';
import type { MessageKind, MessageOf, RaftMessage } from './messages';
import { describe } from './narration';
import { firstNumber } from './numbering';
import type { RaftOptions } from './options';
import { bindStorages } from './proposals';
import { receiveReadIndex, serveReads } from './read_index';
import {
  acknowledge,
  learnCommit,
  receiveAppendEntries,
  receiveHeartbeat,
} from './receive_append_entries';
import {
  abandonOvertakenInstall,
  installedSliceWritten,
  receivedSnapshotSaved,
  receiveInstallSnapshot,
} from './receive_install_snapshot';
import {
  linkChanged,
  noteLink,
  receiveAppendEntriesReject,
  receiveAppendEntriesReply,
  receiveHeartbeatReply,
  replicate,
  replicationWakeAt,
} from './replication';
import type { RaftReply, RaftRequest } from './requests';
import { becomeFollower } from './roles';
import { receiveInstallSnapshotReply, snapshotDataRead } from './snapshot_sending';
import {
  maybeTakeSnapshot,
  ownSnapshotSaved,
  releaseWhenDurable,
  snapshotWritten,
} from './snapshot_taking';
import { type InitialState, type RaftEffect, RaftState } from './state';
import { type RaftStatus, statusOf } from './status';

type RaftEvent = Event<RaftMessage, RaftRequest<unknown>>;

export class Raft<Query, Answer>
  implements Protocol<RaftMessage, RaftRequest<Query>, RaftReply<Answer>>
{
  private readonly state: RaftState;

  /** `initial` is what `recover` made of the data folder. */
  constructor(options: RaftOptions, initial: InitialState, now: Millis) {
    const clients = new Clients(firstNumber(options.seed, `${initial.journal.sequence} ${now}`));
    this.state = new RaftState(options, initial, clients, now);
  }

  step(
    at: Millis,
    events: readonly Event<RaftMessage, RaftRequest<Query>>[],
  ): ReturnType<Protocol<RaftMessage, RaftRequest<Query>, RaftReply<Answer>>['step']> {
    const raft = this.state;
    beginStep(raft, at);
    for (const event of events) receive(raft, event as RaftEvent);
    onTime(raft);
    // What its leader waits for comes before what it applies (`apply.ts`).
    if (raft.role.kind === 'follower') acknowledge(raft, raft.role);
    settle(raft);
    speak(raft);
    checkState(raft);
    return raft.takeEffects() as RaftEffect[] as ReturnType<this['step']>;
  }

  get wakeAt(): Millis {
    return wakeAt(this.state);
  }

  /** A follower is waited for by its leader, which waits for its disk. */
  get mayWaitForDisk(): boolean {
    return this.state.role.kind === 'follower';
  }

  /** A report for operators; costs a little, changes nothing. */
  status(): RaftStatus {
    return statusOf(this.state);
  }

  /** The state itself, for checkers and tests; nobody else looks. */
  get inspect(): Readonly<RaftState> {
    return this.state;
  }
}

function beginStep(raft: RaftState, at: Millis): void {
  invariant(at >= raft.now, 'time never goes back', { at, now: raft.now });
  raft.now = at;
  const { role, options } = raft;
  // We asked to be called at the election timeout at the latest. If it is long over, the process was
  // paused and the leader's heartbeats wait in our queues: we listen to them before we conclude that
  // it is gone.
  if (role.kind !== 'leader' && !raft.isSoleVoter) {
    if (at - role.electionDeadline >= options.electionTimeoutMinMs) {
      role.electionDeadline = silenceDeadline(raft);
    }
  }
  // And a leader that was away for so long may have been replaced: before it says anything, it
  // gives way (CheckQuorum, dissertation §6.2).
  checkQuorum(raft);
}

function receive(raft: RaftState, event: RaftEvent): void {
  switch (event.kind) {
    case 'message':
      return receiveMessage(raft, event.from, event.message);
    case 'request':
      if (event.request.kind === 'read') applyAnswered(raft);
      return raft.clients.receive(raft, event.id, event.request);
    case 'persisted':
      return persisted(raft, event.through);
    case 'link':
      return linkChanged(raft, event.peer, event.up);
    case 'snapshot_written':
      if (raft.taking?.name === event.snapshot) {
        return snapshotWritten(raft, event.snapshot, event.through);
      }
      return installedSliceWritten(raft, event.snapshot, event.through);
    case 'snapshot_saved':
      if (raft.taking?.name === event.snapshot) return ownSnapshotSaved(raft, event.size);
      if (raft.installing?.name === event.snapshot) return receivedSnapshotSaved(raft, event.size);
      return;
    case 'snapshot_data':
      return snapshotDataRead(raft, event);
    case 'wake':
      return;
    default:
      return unreachable(event);
  }
}

type Receiver<Kind extends MessageKind> = (
  raft: RaftState,
  from: NodeId,
  message: MessageOf<Kind>,
) => void;

/** Who receives what: complete by type. */
const RECEIVERS: { readonly [Kind in MessageKind]: Receiver<Kind> } = {
  pre_vote: receivePreVote,
  pre_vote_reply: receivePreVoteReply,
  request_vote: receiveRequestVote,
  request_vote_reply: receiveRequestVoteReply,
  append_entries: receiveAppendEntries,
  append_entries_reply: receiveAppendEntriesReply,
  append_entries_reject: receiveAppendEntriesReject,
  heartbeat: receiveHeartbeat,
  heartbeat_reply: receiveHeartbeatReply,
  install_snapshot: receiveInstallSnapshot,
  install_snapshot_reply: receiveInstallSnapshotReply,
  forward: receiveForward,
  forward_reply: (raft, _from, message) => raft.clients.forwarding.receiveReply(raft, message),
  forward_reject: (raft, _from, message) => raft.clients.forwarding.receiveReject(raft, message),
  read_index: receiveReadIndex,
  read_index_reply: (raft, _from, message) => {
    // What the leader vouches for is committed, as far as our log is known to match its own.
    if (raft.role.kind === 'follower' && message.term === raft.term) {
      learnCommit(raft, raft.role, message.index);
    }
    raft.clients.reads.receiveReply(raft, message);
  },
  timeout_now: receiveTimeoutNow,
};

function receiveMessage(raft: RaftState, from: NodeId, message: RaftMessage): void {
  if (raft.options.trace) {
    const late = message.term < raft.term ? ` (of term ${message.term})` : '';
    raft.narrate(`← ${from} ${describe(message)}${late}`);
  }
  // Messages are the only truth about links.
  if (raft.links.get(from) === false) noteLink(raft, from, true);
  // A vote that would depose a leader which this node hears is not even heard (§4.2.3): neither its
  // term nor its question has any effect.
  if (message.kind === 'request_vote' && !message.transfer && message.term > raft.term) {
    if (protectsLeader(raft)) return raft.narrate(`heard a leader lately → ignores ${from}`);
  }
  // The term rule (§5.1), written once: "If RPC request or response contains term T > currentTerm:
  // set currentTerm = T, convert to follower." Only a pre-vote asks without claiming.
  if (message.term > raft.term && message.kind !== 'pre_vote') {
    if (raft.term === 0) raft.startTerm = message.term;
    becomeFollower(raft, message.term, `term is higher (${message.term} vs ${raft.term})`);
  }
  (RECEIVERS[message.kind] as Receiver<MessageKind>)(raft, from, message);
}

/** The disk has got further: our own vote, our own entries, and what was held back count now. */
function persisted(raft: RaftState, through: Parameters<typeof releaseWhenDurable>[1]): void {
  for (const { lastIndex, lastTerm } of raft.journal.persisted(through)) {
    // Entries that were replaced while they were being written are not ours any more.
    if (lastIndex > raft.durable && raft.log.termAt(lastIndex) === lastTerm) {
      raft.durable = lastIndex;
    }
  }
  raft.releaseHeld();
  ownVoteDurable(raft);
  releaseWhenDurable(raft, through);
}

function onTime(raft: RaftState): void {
  const { role } = raft;
  if (role.kind !== 'leader' && raft.now >= role.electionDeadline) electionTimeout(raft);
  checkQuorum(raft);
  raft.clients.tick(raft);
}

/** A leader that cannot reach a majority, or whose disk has stalled, gives way. */
function checkQuorum(raft: RaftState): void {
  if (raft.role.kind !== 'leader') return;
  const { electionTimeoutMaxMs, maxDiskStallMs } = raft.options;
  if (quorumAge(raft, raft.role) >= electionTimeoutMaxMs) {
    becomeFollower(raft, raft.term, 'has not reached a majority for an election timeout');
    return;
  }
  const waiting = raft.journal.waitingSince;
  if (waiting !== undefined && raft.now - waiting >= maxDiskStallMs && !raft.isSoleVoter) {
    becomeFollower(raft, raft.term, 'the disk has stalled');
  }
}

/** What follows from everything received: commit, apply, then what reads and snapshots want. */
function settle(raft: RaftState): void {
  if (raft.role.kind === 'leader') advanceCommit(raft, raft.role);
  applyCommitted(raft);
  if (raft.role.kind === 'leader') {
    bindStorages(raft, raft.role);
    serveReads(raft, raft.role);
    continueTransfer(raft, raft.role);
  }
  abandonOvertakenInstall(raft);
  maybeTakeSnapshot(raft);
}

/** Tells others what they must know after this step. */
function speak(raft: RaftState): void {
  if (raft.role.kind === 'leader') replicate(raft, raft.role);
  raft.clients.reads.askLeader(raft);
}

function wakeAt(raft: RaftState): Millis {
  // There is more to apply than this step could take, or it had something else to do first.
  if (raft.applied < raft.commit) return raft.now;
  const { role } = raft;
  const byRole = role.kind === 'leader' ? leaderWakeAt(raft, role) : role.electionDeadline;
  return millis(Math.min(byRole, raft.clients.wakeAt(raft)));
}

function leaderWakeAt(raft: RaftState, leader: Leader): Millis {
  const transfer = leader.transfer?.deadline ?? Number.POSITIVE_INFINITY;
  const quorum = raft.isSoleVoter
    ? Number.POSITIVE_INFINITY
    : leader.quorumSince + raft.options.electionTimeoutMaxMs;
  return millis(Math.min(replicationWakeAt(leader), transfer, quorum));
}
