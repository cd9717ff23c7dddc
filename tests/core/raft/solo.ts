/**
 * One Raft core alone, as n1 of a cluster whose other members are played by the test: it says what
 * they send, and sees what n1 says to them. The disk has finished when a step is over, unless the
 * test slows it down.
 */

import type { Answer, Query } from '../../../kv/core/command';
import {
  journalSequence,
  logIndex,
  type Millis,
  millis,
  type NodeId,
  nodeId,
  type RequestId,
  requestId,
  type StorageId,
  storageId,
  term,
} from '../../../kv/core/ids';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { Sessions } from '../../../kv/core/machine/sessions';
import type { JournalRecord } from '../../../kv/core/protocol';
import { type Entry, makeEntry } from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { encodeRecord } from '../../../kv/core/raft/journal';
import { encodeConfiguration } from '../../../kv/core/raft/membership';
import type { MessageKind, MessageOf, RaftMessage } from '../../../kv/core/raft/messages';
import type { RaftOptions } from '../../../kv/core/raft/options';
import { Raft } from '../../../kv/core/raft/raft';
import { recover } from '../../../kv/core/raft/recovery';
import type { RaftReply } from '../../../kv/core/raft/requests';
import type { Role } from '../../../kv/core/raft/roles';
import type { RaftState } from '../../../kv/core/raft/state';
import { put } from '../../support/raft_cluster';
import { NODE_OPTIONS } from '../../support/raft_defaults';
import type { RaftEffect, RaftEvent } from '../../support/raft_disk';
import { entriesRecord } from '../../support/raft_history';

export interface SoloSetup {
  readonly nodes?: number;
  readonly term?: number;
  readonly votedFor?: string;
  /** The terms of the entries of its log. The first entry binds the disk of each member. */
  readonly log?: readonly number[];
  readonly options?: Partial<RaftOptions>;
}

const OPTIONS = {
  ...NODE_OPTIONS,
  maxPendingRequests: 100,
  snapshotLogBytes: 1e9,
  snapshotSliceBytes: 1000,
};

export const id = (n: number): NodeId => nodeId(`n${n}`);
/** The disk of a member is numbered like the member. */
export const diskOf = (member: string): StorageId => storageId(Number(member.slice(1)));

/** Entry `index` of a cluster of so many nodes: the first one binds the disks. */
export function entryOf(index: number, inTerm: number, nodes = 3): Entry {
  const voters = Array.from({ length: nodes }, (_, i) => {
    return { id: id(i + 1), storage: storageId(i + 1) };
  });
  const binding = encodeConfiguration({ voters, outgoing: [], learners: [] });
  const [kind, data] = index === 1 ? (['configuration', binding] as const) : NOOP;
  return makeEntry(kind, logIndex(index), term(inTerm), millis(0), data);
}
const NOOP = ['noop', new Uint8Array(0)] as const;

export class Solo {
  readonly core: Raft<Query, Answer>;
  now = 10_000;
  /** When true, nothing becomes durable before `persist`. */
  slow = false;
  /** Everything that n1 has done, oldest first. */
  readonly effects: RaftEffect[] = [];
  private owed = 0;
  private lastRequest = 0;

  constructor(readonly setup: SoloSetup = {}) {
    const { nodes = 3, log = [], options, votedFor } = setup;
    const records: JournalRecord[] = log.map((inTerm, i) =>
      entriesRecord(entryOf(i + 1, inTerm, nodes)),
    );
    const hardState = { term: term(setup.term ?? log.at(-1) ?? 0), votedFor: voteOf(votedFor) };
    records.push(encodeRecord({ kind: 'hard_state', ...hardState }));
    const members = Array.from({ length: nodes }, (_, i) => id(i + 1));
    const empty = new Sessions(new KeyValue());
    const recovered = { snapshot: undefined, records, firstSequence: journalSequence(1) };
    const initial = recover(members, recovered, empty);
    const own = { self: id(1), storage: storageId(1), members, seed: 1, trace: false };
    this.core = new Raft({ ...OPTIONS, ...own, ...options }, initial, millis(this.now));
  }

  get raft(): Readonly<RaftState> {
    return this.core.inspect;
  }
  get role(): Role['kind'] {
    return this.raft.role.kind;
  }
  /** The terms of the entries of its log. */
  get terms(): number[] {
    const { log } = this.raft;
    const all: number[] = [];
    for (let at = log.firstIndex as number; at <= log.lastIndex; at++)
      all.push(log.termAt(at) ?? -1);
    return all;
  }

  /** One step; returns what n1 sent in it, what the disk let go included. */
  step(...events: RaftEvent[]): Sent[] {
    const from = this.effects.length;
    this.take(events);
    if (!this.slow) this.persist();
    // What it put off to apply comes in a step of its own, at once.
    while (this.raft.applied < this.raft.commit) this.take([{ kind: 'wake' }]);
    return this.effects.slice(from).filter((each) => each.kind === 'send');
  }

  /** The disk finishes what it was given; returns what n1 then sent. */
  persist(): Sent[] {
    const from = this.effects.length;
    while (this.owed > 0) {
      const through = journalSequence(this.owed);
      this.owed = 0;
      this.take([{ kind: 'persisted', through }]);
    }
    return this.effects.slice(from).filter((each) => each.kind === 'send');
  }

  receive(from: number, ...messages: RaftMessage[]): Sent[] {
    return this.step(
      ...messages.map((message) => ({ kind: 'message', from: id(from), message }) as const),
    );
  }

  /** Lets time pass, waking n1 at the end. */
  wait(ms: number): Sent[] {
    this.now += ms;
    return this.step({ kind: 'wake' });
  }

  /** Lets the election timeout pass. */
  timeOut(): Sent[] {
    const { role } = this.raft;
    if (role.kind === 'leader') throw new Error('a leader has no election timeout');
    return this.wait(Math.max(0, role.electionDeadline - this.now));
  }

  write(value = '1', idempotencyKey?: string): RequestId {
    const request = requestId(++this.lastRequest);
    const command = encodeCommand(put('k', value));
    const deadline = millis(this.now + 5000);
    this.step({
      kind: 'request',
      id: request,
      request: { kind: 'write', command, idempotencyKey, deadline },
    });
    return request;
  }

  read(
    level: 'linearizable' | 'lease' | 'stale' = 'linearizable',
    maxStaleness?: Millis,
  ): RequestId {
    const request = requestId(++this.lastRequest);
    const deadline = millis(this.now + 5000);
    const query = { key: 'k' };
    this.step({
      kind: 'request',
      id: request,
      request: { kind: 'read', level, query, maxStaleness, deadline },
    });
    return request;
  }

  transfer(): RequestId {
    const request = requestId(++this.lastRequest);
    const deadline = millis(this.now + 5000);
    this.step({ kind: 'request', id: request, request: { kind: 'transfer_leadership', deadline } });
    return request;
  }

  answer(request: RequestId): RaftReply<Answer> | undefined {
    return this.effects.find((each) => each.kind === 'reply' && each.id === request)?.[
      'reply' as never
    ];
  }

  // Roles, in the term that the log and the hard state say or the one after it.

  becomePreCandidate(): this {
    this.timeOut();
    expect(this.role).toBe('pre_candidate');
    return this;
  }

  becomeCandidate(): this {
    this.becomePreCandidate();
    const { term: inTerm } = this.raft;
    const votes = majorityBesides1(this.setup.nodes ?? 3);
    for (const voter of votes) {
      this.receive(voter, { kind: 'pre_vote_reply', term: inTerm, asked: inTerm, granted: true });
    }
    expect(this.role).toBe('candidate');
    return this;
  }

  becomeLeader(): this {
    this.becomeCandidate();
    for (const voter of majorityBesides1(this.setup.nodes ?? 3))
      this.receive(voter, this.vote(voter));
    expect(this.role).toBe('leader');
    return this;
  }

  /** The vote of a member for n1 in its present term. */
  vote(voter: number, granted = true): MessageOf<'request_vote_reply'> {
    return { kind: 'request_vote_reply', term: this.raft.term, granted, storage: storageId(voter) };
  }

  /** Follows a leader of the present term. */
  follow(leader: number): this {
    this.receive(leader, heartbeat(this.raft.term));
    expect(this.role).toBe('follower');
    return this;
  }

  private take(events: readonly RaftEvent[]): void {
    for (const effect of this.core.step(millis(this.now), events) as RaftEffect[]) {
      this.effects.push(effect);
      if (effect.kind === 'persist') this.owed = effect.through;
    }
  }
}

type Sent = Extract<RaftEffect, { kind: 'send' }>;

const voteOf = (member: string | undefined): NodeId | undefined =>
  member === undefined ? undefined : nodeId(member);

const majorityBesides1 = (nodes: number): number[] =>
  Array.from({ length: Math.floor(nodes / 2) }, (_, i) => i + 2);

/** The state of n1 as the content of a snapshot. */
export function contentOf({ raft }: Solo): Uint8Array {
  const cursor = raft.machine.beginSnapshot();
  const slices: Uint8Array[] = [];
  for (let next = cursor.next(1e6); next !== undefined; next = cursor.next(1e6)) slices.push(next);
  return Buffer.concat(slices);
}

/** The messages of one kind among those sent. */
export function sent<Kind extends MessageKind>(
  all: readonly Sent[],
  kind: Kind,
): MessageOf<Kind>[] {
  return all
    .map((each) => each.message)
    .filter((each): each is MessageOf<Kind> => each.kind === kind);
}

export const heartbeat = (inTerm: number, commit = 0, round = 1): MessageOf<'heartbeat'> => ({
  kind: 'heartbeat',
  term: term(inTerm),
  commit: logIndex(commit),
  round,
  echo: millis(-1),
  quorumAge: millis(0),
  roundTrip: millis(-1),
  lease: false,
});

/** AppendEntries behind `base` with entries of these terms. */
export const appendEntries = (
  inTerm: number,
  base: readonly [index: number, term: number],
  terms: readonly number[] = [],
  commit = 0,
): MessageOf<'append_entries'> => ({
  kind: 'append_entries',
  term: term(inTerm),
  baseIndex: logIndex(base[0]),
  baseTerm: term(base[1]),
  commit: logIndex(commit),
  entries: EntryRun.of(
    logIndex(base[0]),
    terms.map((each, i) => entryOf(base[0] + 1 + i, each)),
  ),
});

export const accepted = (
  inTerm: number,
  match: number,
  from: number,
): MessageOf<'append_entries_reply'> => ({
  kind: 'append_entries_reply',
  term: term(inTerm),
  match: logIndex(match),
  storage: storageId(from),
});

export const requestVote = (
  inTerm: number,
  last: readonly [index: number, term: number],
  { voterStorage = 1, transfer = false } = {},
): MessageOf<'request_vote'> => ({
  kind: 'request_vote',
  term: term(inTerm),
  lastIndex: logIndex(last[0]),
  lastTerm: term(last[1]),
  voterStorage: storageId(voterStorage),
  transfer,
});

export const preVote = (
  inTerm: number,
  last: readonly [index: number, term: number],
  voterStorage = 1,
): MessageOf<'pre_vote'> => ({
  kind: 'pre_vote',
  term: term(inTerm),
  lastIndex: logIndex(last[0]),
  lastTerm: term(last[1]),
  voterStorage: storageId(voterStorage),
});
