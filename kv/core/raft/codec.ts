/**
 * The messages of `messages.ts` as bytes between nodes.
 *
 *     0   version  u8    1
 *     1   kind     u8    the `code` of the kind below
 *     2   term     u48   the sender's current term
 *     8   fields         what the kind says, in the order of its `write`
 *     …   bulk           entries, a slice of a snapshot, or an envelope: to the end, never copied
 *
 * Decoding is strict. Peers are authenticated, but a peer may be of another version, and its memory
 * or ours may lie. So whatever the core takes for granted about a message by itself (entries follow
 * each other, a slice is within its snapshot, a name is fit for a file) is checked here.
 */

import { ByteReader, ByteWriter } from '../bytes';
import { logIndex, storageId, type Term, term } from '../ids';
import { checkCommand } from '../machine/command_codec';
import type { MessageCodec } from '../protocol';
import {
  checkSnapshot,
  must,
  REFUSAL_WORDS,
  readEntries,
  readForwarded,
  readIndex,
  readKnownMillis,
  readLast,
  readMillis,
  readOwnStorage,
  readPosition,
  readSnapshotName,
  STATUS_WORDS,
  writePosition,
  writeSnapshotName,
} from './codec_fields';
import type { MessageKind, MessageOf, RaftMessage } from './messages';

type CheckCommand = (command: Uint8Array) => void;

/** How one kind of message travels; version, kind and term are everybody's. */
interface KindCodec<Message> {
  readonly code: number;
  write(writer: ByteWriter, message: Message): void;
  /** What follows the fields without being copied. */
  bulk?(message: Message): readonly Uint8Array[];
  read(reader: ByteReader, inTerm: Term, check: CheckCommand): Message;
}

const VERSION = 1;
/** Few messages have more than this before their bulk. */
const USUAL_BYTES = 64;

/** `check` throws `DecodeError` for bytes that are no command of the state machine in use. */
export function raftCodec(check: CheckCommand = checkCommand): MessageCodec<RaftMessage> {
  return {
    encode(message) {
      const codec = CODECS[message.kind] as KindCodec<RaftMessage>;
      const writer = new ByteWriter(USUAL_BYTES).u8(VERSION).u8(codec.code).u48(message.term);
      codec.write(writer, message);
      return [writer.finish(), ...(codec.bulk?.(message) ?? [])];
    },
    decode(body) {
      const reader = new ByteReader(body);
      reader.version(VERSION, 'a message');
      const code = reader.u8();
      const codec = BY_CODE.get(code);
      must(codec !== undefined, `there is no message of kind ${code}`);
      const message = codec.read(reader, term(reader.u48()), check);
      reader.end();
      const asks = message.kind === 'pre_vote' || message.kind === 'pre_vote_reply';
      must(message.term > 0 || asks, 'before the first term there are only pre-votes');
      return message;
    },
  };
}

const preVote: KindCodec<MessageOf<'pre_vote'>> = {
  code: 1,
  write: (writer, { lastIndex, lastTerm, voterStorage }) =>
    writePosition(writer, lastIndex, lastTerm).u48(voterStorage),
  read: (reader, inTerm) => {
    const last = readLast(reader, inTerm);
    return { kind: 'pre_vote', term: inTerm, ...last, voterStorage: storageId(reader.u48()) };
  },
};

const preVoteReply: KindCodec<MessageOf<'pre_vote_reply'>> = {
  code: 2,
  write: (writer, { asked, granted }) => writer.u48(asked).u8(Number(granted)),
  read: (reader, inTerm) => {
    const asked = term(reader.u48());
    return { kind: 'pre_vote_reply', term: inTerm, asked, granted: reader.flag() };
  },
};

const requestVote: KindCodec<MessageOf<'request_vote'>> = {
  code: 3,
  write: (writer, { lastIndex, lastTerm, voterStorage, transfer }) =>
    writePosition(writer, lastIndex, lastTerm).u48(voterStorage).u8(Number(transfer)),
  read: (reader, inTerm) => {
    const last = readLast(reader, inTerm);
    const voterStorage = storageId(reader.u48());
    const transfer = reader.flag();
    return { kind: 'request_vote', term: inTerm, ...last, voterStorage, transfer };
  },
};

const requestVoteReply: KindCodec<MessageOf<'request_vote_reply'>> = {
  code: 4,
  write: (writer, { granted, storage }) => writer.u8(Number(granted)).u48(storage),
  read: (reader, inTerm) => {
    const granted = reader.flag();
    return { kind: 'request_vote_reply', term: inTerm, granted, storage: readOwnStorage(reader) };
  },
};

const appendEntries: KindCodec<MessageOf<'append_entries'>> = {
  code: 5,
  write: (writer, { baseIndex, baseTerm, commit }) =>
    writePosition(writer, baseIndex, baseTerm).u48(commit),
  bulk: ({ entries }) => (entries.length === 0 ? [] : [entries.bytes]),
  read: (reader, inTerm) => {
    const base = readPosition(reader, inTerm);
    const commit = logIndex(reader.u48());
    const entries = readEntries(reader, base, inTerm);
    const place = { baseIndex: base.index, baseTerm: base.term };
    return { kind: 'append_entries', term: inTerm, ...place, commit, entries };
  },
};

const appendEntriesReply: KindCodec<MessageOf<'append_entries_reply'>> = {
  code: 6,
  write: (writer, { match, storage }) => writer.u48(match).u48(storage),
  read: (reader, inTerm) => {
    const match = logIndex(reader.u48());
    return { kind: 'append_entries_reply', term: inTerm, match, storage: readOwnStorage(reader) };
  },
};

const appendEntriesReject: KindCodec<MessageOf<'append_entries_reject'>> = {
  code: 7,
  write: (writer, { baseIndex, hintIndex, hintTerm, storage }) =>
    writePosition(writer.u48(baseIndex), hintIndex, hintTerm).u48(storage),
  read: (reader, inTerm) => {
    const baseIndex = logIndex(reader.u48());
    const hint = readPosition(reader, inTerm);
    const storage = readOwnStorage(reader);
    const place = { baseIndex, hintIndex: hint.index, hintTerm: hint.term };
    return { kind: 'append_entries_reject', term: inTerm, ...place, storage };
  },
};

const heartbeat: KindCodec<MessageOf<'heartbeat'>> = {
  code: 8,
  write: (writer, { commit, round, echo, quorumAge, roundTrip, lease }) =>
    writer.u48(commit).u48(round).f64(echo).f64(quorumAge).f64(roundTrip).u8(Number(lease)),
  read: (reader, inTerm) => {
    const commit = logIndex(reader.u48());
    const round = reader.u48();
    const echo = readKnownMillis(reader, 'an echo');
    const quorumAge = readMillis(reader);
    const roundTrip = readKnownMillis(reader, 'a round trip');
    const said = { commit, round, echo, quorumAge, roundTrip, lease: reader.flag() };
    return { kind: 'heartbeat', term: inTerm, ...said };
  },
};

const heartbeatReply: KindCodec<MessageOf<'heartbeat_reply'>> = {
  code: 9,
  write: (writer, { round, clock, match, storage }) =>
    writer.u48(round).f64(clock).u48(match).u48(storage),
  read: (reader, inTerm) => {
    const round = reader.u48();
    const clock = readMillis(reader);
    const match = logIndex(reader.u48());
    const storage = readOwnStorage(reader);
    return { kind: 'heartbeat_reply', term: inTerm, round, clock, match, storage };
  },
};

const installSnapshot: KindCodec<MessageOf<'install_snapshot'>> = {
  code: 10,
  write: (writer, { snapshot, lastIndex, lastTerm, meta, size, offset }) => {
    writePosition(writeSnapshotName(writer, snapshot), lastIndex, lastTerm);
    writer.bytes(meta).u48(size).u48(offset);
  },
  bulk: ({ bytes }) => [bytes],
  read: (reader, inTerm) => {
    const snapshot = readSnapshotName(reader);
    const last = readLast(reader, inTerm);
    const [meta, size, offset] = [reader.bytes(), reader.u48(), reader.u48()];
    const slice = { meta, size, offset, bytes: reader.raw(reader.left) };
    const message = {
      kind: 'install_snapshot',
      term: inTerm,
      snapshot,
      ...last,
      ...slice,
    } as const;
    checkSnapshot(message);
    return message;
  },
};

const installSnapshotReply: KindCodec<MessageOf<'install_snapshot_reply'>> = {
  code: 11,
  write: (writer, { snapshot, offset, match, storage }) =>
    writeSnapshotName(writer, snapshot).u48(offset).u48(match).u48(storage),
  read: (reader, inTerm) => {
    const snapshot = readSnapshotName(reader);
    const offset = reader.u48();
    const match = logIndex(reader.u48());
    const storage = readOwnStorage(reader);
    return { kind: 'install_snapshot_reply', term: inTerm, snapshot, offset, match, storage };
  },
};

const forward: KindCodec<MessageOf<'forward'>> = {
  code: 12,
  write: (writer, { id, again }) => writer.u48(id).u8(Number(again)),
  bulk: ({ envelope }) => [envelope],
  read: (reader, inTerm, check) => {
    const [id, again] = [reader.u48(), reader.flag()];
    return { kind: 'forward', term: inTerm, id, again, envelope: readForwarded(reader, check) };
  },
};

const forwardReply: KindCodec<MessageOf<'forward_reply'>> = {
  code: 13,
  write: (writer, { id, status, index, result }) =>
    writer.u48(id).u8(STATUS_WORDS.code(status)).u48(index).raw(result),
  read: (reader, inTerm) => {
    const id = reader.u48();
    const status = STATUS_WORDS.read(reader);
    const index = readIndex(reader);
    const result = reader.raw(reader.left);
    return { kind: 'forward_reply', term: inTerm, id, status, index, result };
  },
};

const forwardReject: KindCodec<MessageOf<'forward_reject'>> = {
  code: 14,
  write: (writer, { id, code }) => writer.u48(id).u8(REFUSAL_WORDS.code(code)),
  read: (reader, inTerm) => {
    const id = reader.u48();
    return { kind: 'forward_reject', term: inTerm, id, code: REFUSAL_WORDS.read(reader) };
  },
};

const readIndexRequest: KindCodec<MessageOf<'read_index'>> = {
  code: 15,
  write: (writer, { id, lease }) => writer.u48(id).u8(Number(lease)),
  read: (reader, inTerm) => {
    const id = reader.u48();
    return { kind: 'read_index', term: inTerm, id, lease: reader.flag() };
  },
};

const readIndexReply: KindCodec<MessageOf<'read_index_reply'>> = {
  code: 16,
  write: (writer, { id, index }) => writer.u48(id).u48(index),
  read: (reader, inTerm) => {
    const id = reader.u48();
    return { kind: 'read_index_reply', term: inTerm, id, index: readIndex(reader) };
  },
};

const timeoutNow: KindCodec<MessageOf<'timeout_now'>> = {
  code: 17,
  write: () => undefined,
  read: (_reader, inTerm) => ({ kind: 'timeout_now', term: inTerm }),
};

/** Complete by type. */
const CODECS: { readonly [Kind in MessageKind]: KindCodec<MessageOf<Kind>> } = {
  pre_vote: preVote,
  pre_vote_reply: preVoteReply,
  request_vote: requestVote,
  request_vote_reply: requestVoteReply,
  append_entries: appendEntries,
  append_entries_reply: appendEntriesReply,
  append_entries_reject: appendEntriesReject,
  heartbeat,
  heartbeat_reply: heartbeatReply,
  install_snapshot: installSnapshot,
  install_snapshot_reply: installSnapshotReply,
  forward,
  forward_reply: forwardReply,
  forward_reject: forwardReject,
  read_index: readIndexRequest,
  read_index_reply: readIndexReply,
  timeout_now: timeoutNow,
};

const BY_CODE: ReadonlyMap<number, KindCodec<RaftMessage>> = new Map(
  Object.values(CODECS).map((codec) => [codec.code, codec as KindCodec<RaftMessage>]),
);
