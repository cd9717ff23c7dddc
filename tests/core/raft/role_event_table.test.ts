/**
 * The role × event table: what a node in each role does with everything that can happen to it,
 * complete by type, so that a new message or role does not compile before its cells are filled.
 *
 * n1 is in term 5 (as follower it follows n2, as leader it leads), its log is [1 1]. Messages come
 * from n2, in term 3 (`lower`), 5 (`equal`) or 9 (`higher`). A cell says the role and term after
 * the event, and after the arrow what is said and done, in order. `!` is a broken invariant: such
 * an event cannot exist while at most one node leads each term.
 */

import { logIndex, millis, snapshotName, storageId, term } from '../../../kv/core/ids';
import { encodeOpenSession } from '../../../kv/core/machine/envelope';
import type { MessageKind, RaftMessage } from '../../../kv/core/raft/messages';
import type { Role } from '../../../kv/core/raft/roles';
import { encodeSnapshotMeta } from '../../../kv/core/raft/snapshot_meta';
import type { RaftEffect } from '../../support/raft_disk';
import { accepted, appendEntries, heartbeat, id, preVote, requestVote, Solo } from './solo';

type Relation = 'lower' | 'equal' | 'higher';
type OtherEvent =
  | 'write'
  | 'linearizable read'
  | 'stale read'
  | 'transfer'
  | 'persisted'
  | 'link up'
  | 'link down'
  | 'snapshot_written'
  | 'snapshot_saved'
  | 'snapshot_data'
  | 'wake, nothing due'
  | 'wake, all is due';
type EventKind = `${MessageKind} ${Relation}` | OtherEvent;
type Cell = string;

const TABLE: Record<Role['kind'], Record<EventKind, Cell>> = {
  follower: {
    'pre_vote lower': 'follower@5 → n2 pre_vote_reply refused',
    'pre_vote equal': 'follower@5 → n2 pre_vote_reply refused',
    'pre_vote higher': 'follower@5 → n2 pre_vote_reply refused',
    'pre_vote_reply lower': 'follower@5',
    'pre_vote_reply equal': 'follower@5',
    'pre_vote_reply higher': 'follower@9',
    'request_vote lower': 'follower@5 → n2 request_vote_reply refused',
    'request_vote equal': 'follower@5 → n2 request_vote_reply refused',
    'request_vote higher': 'follower@5',
    'request_vote_reply lower': 'follower@5',
    'request_vote_reply equal': 'follower@5',
    'request_vote_reply higher': 'follower@9',
    'append_entries lower': 'follower@5 → n2 append_entries_reject',
    'append_entries equal': 'follower@5 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries higher': 'follower@9 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries_reply lower': 'follower@5',
    'append_entries_reply equal': 'follower@5',
    'append_entries_reply higher': 'follower@9',
    'append_entries_reject lower': 'follower@5',
    'append_entries_reject equal': 'follower@5',
    'append_entries_reject higher': 'follower@9',
    'heartbeat lower': 'follower@5 → n2 heartbeat_reply',
    'heartbeat equal': 'follower@5 → n2 heartbeat_reply',
    'heartbeat higher': 'follower@9 → n2 heartbeat_reply',
    'heartbeat_reply lower': 'follower@5',
    'heartbeat_reply equal': 'follower@5',
    'heartbeat_reply higher': 'follower@9',
    'install_snapshot lower': 'follower@5 → n2 install_snapshot_reply',
    'install_snapshot equal': 'follower@5 → snapshot_open, snapshot_append',
    'install_snapshot higher': 'follower@9 → snapshot_open, snapshot_append',
    'install_snapshot_reply lower': 'follower@5',
    'install_snapshot_reply equal': 'follower@5',
    'install_snapshot_reply higher': 'follower@9',
    'forward lower': 'follower@5',
    'forward equal': 'follower@5',
    'forward higher': 'follower@9 → n2 forward_reject',
    'forward_reply lower': 'follower@5',
    'forward_reply equal': 'follower@5',
    'forward_reply higher': 'follower@9',
    'forward_reject lower': 'follower@5',
    'forward_reject equal': 'follower@5',
    'forward_reject higher': 'follower@9',
    'read_index lower': 'follower@5',
    'read_index equal': 'follower@5',
    'read_index higher': 'follower@9',
    'read_index_reply lower': 'follower@5',
    'read_index_reply equal': 'follower@5',
    'read_index_reply higher': 'follower@9',
    'timeout_now lower': 'follower@5',
    'timeout_now equal': 'candidate@6 → n2 request_vote, n3 request_vote',
    'timeout_now higher': 'candidate@10 → n2 request_vote, n3 request_vote',
    write: 'follower@5 → n2 forward',
    'linearizable read': 'follower@5 → n2 read_index',
    'stale read': 'follower@5 → answer',
    transfer: 'follower@5 → transferred',
    persisted: 'follower@5',
    'link up': 'follower@5',
    'link down': 'follower@5',
    snapshot_written: 'follower@5',
    snapshot_saved: 'follower@5',
    snapshot_data: 'follower@5',
    'wake, nothing due': 'follower@5',
    'wake, all is due': 'pre_candidate@5 → n2 pre_vote, n3 pre_vote',
  },
  pre_candidate: {
    'pre_vote lower': 'pre_candidate@5 → n2 pre_vote_reply refused',
    'pre_vote equal': 'pre_candidate@5 → n2 pre_vote_reply granted',
    'pre_vote higher': 'pre_candidate@5 → n2 pre_vote_reply granted',
    'pre_vote_reply lower': 'pre_candidate@5',
    'pre_vote_reply equal': 'candidate@6 → n2 request_vote, n3 request_vote',
    'pre_vote_reply higher': 'follower@9',
    'request_vote lower': 'pre_candidate@5 → n2 request_vote_reply refused',
    'request_vote equal': 'pre_candidate@5 → n2 request_vote_reply granted',
    'request_vote higher': 'follower@9 → n2 request_vote_reply granted',
    'request_vote_reply lower': 'pre_candidate@5',
    'request_vote_reply equal': 'pre_candidate@5',
    'request_vote_reply higher': 'follower@9',
    'append_entries lower': 'pre_candidate@5 → n2 append_entries_reject',
    'append_entries equal': 'follower@5 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries higher': 'follower@9 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries_reply lower': 'pre_candidate@5',
    'append_entries_reply equal': 'pre_candidate@5',
    'append_entries_reply higher': 'follower@9',
    'append_entries_reject lower': 'pre_candidate@5',
    'append_entries_reject equal': 'pre_candidate@5',
    'append_entries_reject higher': 'follower@9',
    'heartbeat lower': 'pre_candidate@5 → n2 heartbeat_reply',
    'heartbeat equal': 'follower@5 → n2 heartbeat_reply',
    'heartbeat higher': 'follower@9 → n2 heartbeat_reply',
    'heartbeat_reply lower': 'pre_candidate@5',
    'heartbeat_reply equal': 'pre_candidate@5',
    'heartbeat_reply higher': 'follower@9',
    'install_snapshot lower': 'pre_candidate@5 → n2 install_snapshot_reply',
    'install_snapshot equal': 'follower@5 → snapshot_open, snapshot_append',
    'install_snapshot higher': 'follower@9 → snapshot_open, snapshot_append',
    'install_snapshot_reply lower': 'pre_candidate@5',
    'install_snapshot_reply equal': 'pre_candidate@5',
    'install_snapshot_reply higher': 'follower@9',
    'forward lower': 'pre_candidate@5',
    'forward equal': 'pre_candidate@5',
    'forward higher': 'follower@9 → n2 forward_reject',
    'forward_reply lower': 'pre_candidate@5',
    'forward_reply equal': 'pre_candidate@5',
    'forward_reply higher': 'follower@9',
    'forward_reject lower': 'pre_candidate@5',
    'forward_reject equal': 'pre_candidate@5',
    'forward_reject higher': 'follower@9',
    'read_index lower': 'pre_candidate@5',
    'read_index equal': 'pre_candidate@5',
    'read_index higher': 'follower@9',
    'read_index_reply lower': 'pre_candidate@5',
    'read_index_reply equal': 'pre_candidate@5',
    'read_index_reply higher': 'follower@9',
    'timeout_now lower': 'pre_candidate@5',
    'timeout_now equal': 'pre_candidate@5',
    'timeout_now higher': 'candidate@10 → n2 request_vote, n3 request_vote',
    write: 'pre_candidate@5',
    'linearizable read': 'pre_candidate@5',
    'stale read': 'pre_candidate@5 → answer',
    transfer: 'pre_candidate@5 → transferred',
    persisted: 'pre_candidate@5',
    'link up': 'pre_candidate@5',
    'link down': 'pre_candidate@5',
    snapshot_written: 'pre_candidate@5',
    snapshot_saved: 'pre_candidate@5',
    snapshot_data: 'pre_candidate@5',
    'wake, nothing due': 'pre_candidate@5',
    'wake, all is due': 'pre_candidate@5 → n2 pre_vote, n3 pre_vote',
  },
  candidate: {
    'pre_vote lower': 'candidate@5 → n2 pre_vote_reply refused',
    'pre_vote equal': 'candidate@5 → n2 pre_vote_reply granted',
    'pre_vote higher': 'candidate@5 → n2 pre_vote_reply granted',
    'pre_vote_reply lower': 'candidate@5',
    'pre_vote_reply equal': 'candidate@5',
    'pre_vote_reply higher': 'follower@9',
    'request_vote lower': 'candidate@5 → n2 request_vote_reply refused',
    'request_vote equal': 'candidate@5 → n2 request_vote_reply refused',
    'request_vote higher': 'follower@9 → n2 request_vote_reply granted',
    'request_vote_reply lower': 'candidate@5',
    'request_vote_reply equal':
      'leader@5 → n2 append_entries, n3 append_entries, n2 heartbeat, n3 heartbeat',
    'request_vote_reply higher': 'follower@9',
    'append_entries lower': 'candidate@5 → n2 append_entries_reject',
    'append_entries equal': 'follower@5 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries higher': 'follower@9 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries_reply lower': 'candidate@5',
    'append_entries_reply equal': 'candidate@5',
    'append_entries_reply higher': 'follower@9',
    'append_entries_reject lower': 'candidate@5',
    'append_entries_reject equal': 'candidate@5',
    'append_entries_reject higher': 'follower@9',
    'heartbeat lower': 'candidate@5 → n2 heartbeat_reply',
    'heartbeat equal': 'follower@5 → n2 heartbeat_reply',
    'heartbeat higher': 'follower@9 → n2 heartbeat_reply',
    'heartbeat_reply lower': 'candidate@5',
    'heartbeat_reply equal': 'candidate@5',
    'heartbeat_reply higher': 'follower@9',
    'install_snapshot lower': 'candidate@5 → n2 install_snapshot_reply',
    'install_snapshot equal': 'follower@5 → snapshot_open, snapshot_append',
    'install_snapshot higher': 'follower@9 → snapshot_open, snapshot_append',
    'install_snapshot_reply lower': 'candidate@5',
    'install_snapshot_reply equal': 'candidate@5',
    'install_snapshot_reply higher': 'follower@9',
    'forward lower': 'candidate@5',
    'forward equal': 'candidate@5 → n2 forward_reject',
    'forward higher': 'follower@9 → n2 forward_reject',
    'forward_reply lower': 'candidate@5',
    'forward_reply equal': 'candidate@5',
    'forward_reply higher': 'follower@9',
    'forward_reject lower': 'candidate@5',
    'forward_reject equal': 'candidate@5',
    'forward_reject higher': 'follower@9',
    'read_index lower': 'candidate@5',
    'read_index equal': 'candidate@5',
    'read_index higher': 'follower@9',
    'read_index_reply lower': 'candidate@5',
    'read_index_reply equal': 'candidate@5',
    'read_index_reply higher': 'follower@9',
    'timeout_now lower': 'candidate@5',
    'timeout_now equal': 'candidate@5',
    'timeout_now higher': 'candidate@10 → n2 request_vote, n3 request_vote',
    write: 'candidate@5',
    'linearizable read': 'candidate@5',
    'stale read': 'candidate@5 → answer',
    transfer: 'candidate@5 → transferred',
    persisted: 'candidate@5',
    'link up': 'candidate@5',
    'link down': 'candidate@5',
    snapshot_written: 'candidate@5',
    snapshot_saved: 'candidate@5',
    snapshot_data: 'candidate@5',
    'wake, nothing due': 'candidate@5',
    'wake, all is due': 'pre_candidate@5 → n2 pre_vote, n3 pre_vote',
  },
  leader: {
    'pre_vote lower': 'leader@5 → n2 pre_vote_reply refused',
    'pre_vote equal': 'leader@5 → n2 pre_vote_reply refused',
    'pre_vote higher': 'leader@5 → n2 pre_vote_reply refused',
    'pre_vote_reply lower': 'leader@5',
    'pre_vote_reply equal': 'leader@5',
    'pre_vote_reply higher': 'follower@9',
    'request_vote lower': 'leader@5 → n2 request_vote_reply refused',
    'request_vote equal': 'leader@5 → n2 request_vote_reply refused',
    'request_vote higher': 'leader@5',
    'request_vote_reply lower': 'leader@5',
    'request_vote_reply equal': 'leader@5',
    'request_vote_reply higher': 'follower@9',
    'append_entries lower': 'leader@5 → n2 append_entries_reject',
    'append_entries equal': '!',
    'append_entries higher': 'follower@9 → n2 append_entries_reply, n2 append_entries_reply',
    'append_entries_reply lower': 'leader@5',
    'append_entries_reply equal': 'leader@5',
    'append_entries_reply higher': 'follower@9',
    'append_entries_reject lower': 'leader@5',
    'append_entries_reject equal': 'leader@5 → n2 append_entries',
    'append_entries_reject higher': 'follower@9',
    'heartbeat lower': 'leader@5 → n2 heartbeat_reply',
    'heartbeat equal': '!',
    'heartbeat higher': 'follower@9 → n2 heartbeat_reply',
    'heartbeat_reply lower': 'leader@5',
    'heartbeat_reply equal': 'leader@5',
    'heartbeat_reply higher': 'follower@9',
    'install_snapshot lower': 'leader@5 → n2 install_snapshot_reply',
    'install_snapshot equal': '!',
    'install_snapshot higher': 'follower@9 → snapshot_open, snapshot_append',
    'install_snapshot_reply lower': 'leader@5',
    'install_snapshot_reply equal': 'leader@5',
    'install_snapshot_reply higher': 'follower@9',
    'forward lower': 'leader@5',
    'forward equal': 'leader@5',
    'forward higher': 'follower@9 → n2 forward_reject',
    'forward_reply lower': 'leader@5',
    'forward_reply equal': 'leader@5',
    'forward_reply higher': 'follower@9',
    'forward_reject lower': 'leader@5',
    'forward_reject equal': 'leader@5',
    'forward_reject higher': 'follower@9',
    'read_index lower': 'leader@5',
    'read_index equal': 'leader@5',
    'read_index higher': 'follower@9',
    'read_index_reply lower': 'leader@5',
    'read_index_reply equal': 'leader@5',
    'read_index_reply higher': 'follower@9',
    'timeout_now lower': 'leader@5',
    'timeout_now equal': 'leader@5',
    'timeout_now higher': 'candidate@10 → n2 request_vote, n3 request_vote',
    write: 'leader@5',
    'linearizable read': 'leader@5',
    'stale read': 'leader@5 → answer',
    transfer: 'leader@5 → transferred',
    persisted: 'leader@5',
    'link up': 'leader@5 → n2 heartbeat, n2 append_entries',
    'link down': 'leader@5',
    snapshot_written: 'leader@5',
    snapshot_saved: 'leader@5',
    snapshot_data: 'leader@5',
    'wake, nothing due': 'leader@5',
    'wake, all is due': 'follower@5',
  },
};

const ROLES: Record<Role['kind'], () => Solo> = {
  follower: () => new Solo({ log: [1, 1], term: 5 }).follow(2),
  pre_candidate: () => new Solo({ log: [1, 1], term: 5 }).becomePreCandidate(),
  candidate: () => new Solo({ log: [1, 1], term: 4 }).becomeCandidate(),
  leader: () => new Solo({ log: [1, 1], term: 4 }).becomeLeader(),
};

const TERMS: Record<Relation, number> = { lower: 3, equal: 5, higher: 9 };
const SNAPSHOT = snapshotName('s');
const META = encodeSnapshotMeta({
  index: logIndex(7),
  term: term(3),
  time: millis(0),
  configuration: { voters: [{ id: id(1), storage: storageId(1) }], outgoing: [], learners: [] },
});

/** A message of each kind in a given term. */
const MESSAGES: Record<MessageKind, (inTerm: number) => RaftMessage> = {
  pre_vote: (t) => preVote(t, [9, 3]),
  pre_vote_reply: (t) => ({ kind: 'pre_vote_reply', term: term(t), asked: term(t), granted: true }),
  request_vote: (t) => requestVote(t, [9, 3]),
  request_vote_reply: (t) => ({
    kind: 'request_vote_reply',
    term: term(t),
    granted: true,
    storage: storageId(2),
  }),
  append_entries: (t) => appendEntries(t, [2, 1], [3], 2),
  append_entries_reply: (t) => accepted(t, 3, 2),
  append_entries_reject: (t) => ({
    kind: 'append_entries_reject',
    term: term(t),
    baseIndex: logIndex(2),
    hintIndex: logIndex(1),
    hintTerm: term(1),
    storage: storageId(2),
  }),
  heartbeat: (t) => heartbeat(t),
  heartbeat_reply: (t) => ({
    kind: 'heartbeat_reply',
    term: term(t),
    round: 1,
    clock: millis(5),
    match: logIndex(0),
    storage: storageId(2),
  }),
  install_snapshot: (t) => ({
    kind: 'install_snapshot',
    term: term(t),
    snapshot: SNAPSHOT,
    lastIndex: logIndex(7),
    lastTerm: term(3),
    meta: META,
    size: 99,
    offset: 0,
    bytes: new Uint8Array(0),
  }),
  install_snapshot_reply: (t) => ({
    kind: 'install_snapshot_reply',
    term: term(t),
    snapshot: SNAPSHOT,
    offset: 9,
    match: logIndex(0),
    storage: storageId(2),
  }),
  forward: (t) => ({
    kind: 'forward',
    term: term(t),
    id: 1,
    again: false,
    envelope: encodeOpenSession(),
  }),
  forward_reply: (t) => ({
    kind: 'forward_reply',
    term: term(t),
    id: 1,
    status: 'applied',
    index: logIndex(2),
    result: new Uint8Array(0),
  }),
  forward_reject: (t) => ({ kind: 'forward_reject', term: term(t), id: 1, code: 'no_leader' }),
  read_index: (t) => ({ kind: 'read_index', term: term(t), id: 1, lease: false }),
  read_index_reply: (t) => ({
    kind: 'read_index_reply',
    term: term(t),
    id: 1,
    index: logIndex(2),
  }),
  timeout_now: (t) => ({ kind: 'timeout_now', term: term(t) }),
};

const OTHERS: Record<OtherEvent, (solo: Solo) => void> = {
  write: (solo) => void solo.write(),
  'linearizable read': (solo) => void solo.read(),
  'stale read': (solo) => void solo.read('stale'),
  transfer: (solo) => void solo.transfer(),
  persisted: (solo) => void solo.step({ kind: 'persisted', through: solo.raft.journal.durable }),
  'link up': (solo) => void solo.step({ kind: 'link', peer: id(2), up: true }),
  'link down': (solo) => void solo.step({ kind: 'link', peer: id(2), up: false }),
  snapshot_written: (solo) =>
    void solo.step({ kind: 'snapshot_written', snapshot: SNAPSHOT, through: 9 }),
  snapshot_saved: (solo) => void solo.step({ kind: 'snapshot_saved', snapshot: SNAPSHOT, size: 9 }),
  snapshot_data: (solo) =>
    void solo.step({
      kind: 'snapshot_data',
      snapshot: SNAPSHOT,
      peer: id(2),
      offset: 0,
      bytes: new Uint8Array(9),
      size: 9,
    }),
  'wake, nothing due': (solo) => void solo.wait(1),
  'wake, all is due': (solo) => {
    const { role } = solo.raft;
    solo.wait(role.kind === 'leader' ? 300 : role.electionDeadline - solo.now);
  },
};

/** What happens, in the words of the table. */
function observe(role: Role['kind'], act: (solo: Solo) => void): Cell {
  const solo = ROLES[role]();
  const from = solo.effects.length;
  try {
    act(solo);
  } catch (error) {
    if ((error as Error).name === 'InvariantViolation') return '!';
    throw error;
  }
  const done = solo.effects
    .slice(from)
    .map(words)
    .filter((each) => each !== '');
  const after = `${solo.role}@${solo.raft.term}`;
  return done.length === 0 ? after : `${after} → ${done.join(', ')}`;
}

/** An effect in a few words; the journal's own affairs are not part of the table. */
function words(effect: RaftEffect): string {
  switch (effect.kind) {
    case 'send': {
      const { message } = effect;
      const verdict = 'granted' in message ? (message.granted ? ' granted' : ' refused') : '';
      return `${effect.to} ${message.kind}${verdict}`;
    }
    case 'reply':
      return effect.reply.kind === 'failed' ? effect.reply.error.code : effect.reply.kind;
    case 'persist':
    case 'release':
    case 'trace':
      return '';
    default:
      return effect.kind;
  }
}

const RELATIONS: readonly Relation[] = ['lower', 'equal', 'higher'];
const EVENTS = [
  ...(Object.keys(MESSAGES) as MessageKind[]).flatMap((kind) =>
    RELATIONS.map((relation): [EventKind, (solo: Solo) => void] => [
      `${kind} ${relation}`,
      (solo) => void solo.receive(2, MESSAGES[kind](TERMS[relation])),
    ]),
  ),
  ...(Object.entries(OTHERS) as [OtherEvent, (solo: Solo) => void][]),
];

describe.each(Object.keys(ROLES) as Role['kind'][])('%s', (role) => {
  test.each(EVENTS)('%s', (event, act) => {
    expect(observe(role, act)).toBe(TABLE[role][event]);
  });
});
