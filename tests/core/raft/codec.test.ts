/**
 * The codec of the messages between nodes: every kind comes back as it went, and bytes that were cut,
 * flipped or made up are refused or are another well-formed message; they never break the reader.
 */

import fc, { type Arbitrary } from 'fast-check';
import { DecodeError } from '../../../kv/core/bytes';
import { logIndex, millis, snapshotName, storageId, term } from '../../../kv/core/ids';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import {
  DEFAULT_SESSION_SETTINGS,
  encodeKeyed,
  encodeOpenSession,
  encodePlain,
  encodeSession,
  encodeSettings,
} from '../../../kv/core/machine/envelope';
import { raftCodec } from '../../../kv/core/raft/codec';
import { type Entry, makeEntry } from '../../../kv/core/raft/entry';
import { EntryRun } from '../../../kv/core/raft/entry_run';
import { bootstrapConfiguration, encodeConfiguration } from '../../../kv/core/raft/membership';
import type { MessageKind, MessageOf, RaftMessage } from '../../../kv/core/raft/messages';
import { encodeSnapshotMeta, nameSnapshot } from '../../../kv/core/raft/snapshot_meta';
import { damaged } from '../machine/support';

const codec = raftCodec();
const body = (message: RaftMessage): Uint8Array =>
  new Uint8Array(Buffer.concat(codec.encode(message)));

const MAX = 2 ** 48 - 1;
const configuration = bootstrapConfiguration(['n1', 'n2', 'ü3'] as never);
const command = encodeCommand({ kind: 'put', key: 'k', value: Uint8Array.of(0x31) });

const u48 = fc.oneof(fc.nat(100), fc.integer({ min: 0, max: MAX }), fc.constant(MAX));
const positive = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: MAX }));
const index = u48.map(logIndex);
const aTerm = positive.map(term);
const storage = positive.map(storageId);
const moment = fc.double({ min: 0, max: 1e15, noNaN: true }).map((x) => millis(Math.abs(x)));
const bytes = fc.uint8Array({ maxLength: 40 });

/** A term and a place in a log whose terms are not above it. */
const inLog = fc.tuple(positive, positive, positive, fc.boolean()).map(([x, y, at, before]) => ({
  current: term(Math.max(x, y)),
  index: logIndex(before ? 0 : at),
  term: term(before ? 0 : Math.min(x, y)),
}));

const entries: Arbitrary<
  Pick<MessageOf<'append_entries'>, 'term' | 'baseIndex' | 'baseTerm' | 'entries'>
> = fc
  .record({
    base: fc.record({ index: fc.nat(1000), term: fc.integer({ min: 1, max: 50 }) }),
    steps: fc.array(
      fc.record({
        up: fc.nat(2),
        kind: fc.constantFrom('noop', 'command', 'configuration'),
        data: bytes,
      }),
      { maxLength: 6 },
    ),
    above: fc.nat(3),
  })
  .map(({ base, steps, above }) => {
    let at = base.index;
    let inTerm = base.index === 0 ? 1 : base.term;
    const made: Entry[] = steps.map(({ up, kind, data }) => {
      at += 1;
      inTerm += up;
      const content = kind === 'configuration' ? encodeConfiguration(configuration) : data;
      return makeEntry(kind as Entry['kind'], logIndex(at), term(inTerm), millis(at), content);
    });
    return {
      term: term(inTerm + above),
      baseIndex: logIndex(base.index),
      baseTerm: term(base.index === 0 ? 0 : base.term),
      entries: EntryRun.of(logIndex(base.index), made),
    };
  });

const slice = fc
  .record({
    lastIndex: positive,
    terms: fc.tuple(positive, positive),
    bytes,
    before: fc.nat(99),
    after: fc.nat(99),
  })
  .map(({ lastIndex, terms, bytes: content, before, after }) => {
    const place = { index: logIndex(lastIndex), term: term(Math.min(...terms)) };
    const meta = encodeSnapshotMeta({ ...place, time: millis(7), configuration });
    return {
      term: term(Math.max(...terms)),
      snapshot: nameSnapshot(place.index, place.term),
      lastIndex: place.index,
      lastTerm: place.term,
      meta,
      size: before + content.length + after,
      offset: before,
      bytes: content,
    };
  });

const kind = <Kind extends MessageKind>(of: Kind) => fc.constant(of);
const name = fc
  .constantFrom('a', '000000000000012-000000000000003', 'z'.repeat(64))
  .map(snapshotName);

/** Messages of every kind, complete by type. */
const MESSAGES: { readonly [Kind in MessageKind]: Arbitrary<MessageOf<Kind>> } = {
  pre_vote: fc.tuple(inLog, u48.map(storageId)).map(([at, voterStorage]) => ({
    kind: 'pre_vote',
    term: at.current,
    lastIndex: at.index,
    lastTerm: at.term,
    voterStorage,
  })),
  pre_vote_reply: fc.record({
    kind: kind('pre_vote_reply'),
    term: u48.map(term),
    asked: u48.map(term),
    granted: fc.boolean(),
  }),
  request_vote: fc
    .tuple(inLog, u48.map(storageId), fc.boolean())
    .map(([at, voterStorage, transfer]) => ({
      kind: 'request_vote',
      term: at.current,
      lastIndex: at.index,
      lastTerm: at.term,
      voterStorage,
      transfer,
    })),
  request_vote_reply: fc.record({
    kind: kind('request_vote_reply'),
    term: aTerm,
    granted: fc.boolean(),
    storage,
  }),
  append_entries: fc
    .tuple(entries, index)
    .map(([message, commit]) => ({ kind: 'append_entries', ...message, commit })),
  append_entries_reply: fc.record({
    kind: kind('append_entries_reply'),
    term: aTerm,
    match: index,
    storage,
  }),
  append_entries_reject: fc.tuple(inLog, index, storage).map(([at, baseIndex, own]) => ({
    kind: 'append_entries_reject',
    term: at.current,
    baseIndex,
    hintIndex: at.index,
    hintTerm: at.term,
    storage: own,
  })),
  heartbeat: fc.record({
    kind: kind('heartbeat'),
    term: aTerm,
    commit: index,
    round: u48,
    echo: fc.oneof(moment, fc.constant(millis(-1))),
    quorumAge: moment,
    roundTrip: fc.oneof(moment, fc.constant(millis(-1))),
    lease: fc.boolean(),
  }),
  heartbeat_reply: fc.record({
    kind: kind('heartbeat_reply'),
    term: aTerm,
    round: u48,
    clock: moment,
    match: index,
    storage,
  }),
  install_snapshot: slice.map((message) => ({ kind: 'install_snapshot', ...message })),
  install_snapshot_reply: fc.record({
    kind: kind('install_snapshot_reply'),
    term: aTerm,
    snapshot: name,
    offset: u48,
    match: index,
    storage,
  }),
  forward: fc.record({
    kind: kind('forward'),
    term: aTerm,
    id: u48,
    again: fc.boolean(),
    envelope: fc.constantFrom(
      encodeKeyed('key', command),
      encodeOpenSession(),
      encodeSession({ session: 3, seq: 9, lowestPending: 4 }, command),
    ),
  }),
  forward_reply: fc.record({
    kind: kind('forward_reply'),
    term: aTerm,
    id: u48,
    status: fc.constantFrom(
      'applied',
      'duplicate',
      'session_expired',
      'key_reused',
      'table_full',
      'session_opened',
      'settings',
    ),
    index: positive.map(logIndex),
    result: bytes,
  }),
  forward_reject: fc.record({
    kind: kind('forward_reject'),
    term: aTerm,
    id: u48,
    code: fc.constantFrom('no_leader', 'no_quorum', 'overloaded', 'too_large'),
  }),
  read_index: fc.record({ kind: kind('read_index'), term: aTerm, id: u48, lease: fc.boolean() }),
  read_index_reply: fc.record({
    kind: kind('read_index_reply'),
    term: aTerm,
    id: u48,
    index: positive.map(logIndex),
  }),
  timeout_now: fc.record({ kind: kind('timeout_now'), term: aTerm }),
};

const KINDS = Object.keys(MESSAGES) as MessageKind[];
const example = (of: MessageKind, seed: number): RaftMessage =>
  fc.sample(MESSAGES[of] as Arbitrary<RaftMessage>, { numRuns: 1, seed })[0] as RaftMessage;

/** Decodes; only a `DecodeError` may come instead. */
function attempt(damage: Uint8Array): RaftMessage | undefined {
  try {
    return codec.decode(damage);
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return undefined;
  }
}

describe.each(KINDS)('%s', (of) => {
  test('comes back as it went', () => {
    fc.assert(
      fc.property(MESSAGES[of] as Arbitrary<RaftMessage>, (message) => {
        expect(codec.decode(body(message))).toEqual(message);
      }),
    );
  });

  test('cut short, it is refused, or it is a message with less bulk', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const whole = body(example(of, seed));
      for (let length = 0; length < whole.length; length++) {
        const message = attempt(whole.subarray(0, length));
        if (message !== undefined)
          expect(Buffer.from(body(message))).toEqual(Buffer.from(whole.subarray(0, length)));
        // Only what reaches to the end of its frame can end earlier.
        if (message !== undefined)
          expect(['install_snapshot', 'forward_reply', 'forward', 'append_entries']).toContain(of);
      }
    }
  });

  test('with any bit flipped, it is refused, or it is exactly one other message', () => {
    for (let seed = 1; seed <= 4; seed++) {
      for (const bytesNow of damaged(body(example(of, seed)))) {
        const message = attempt(bytesNow);
        // Canonical: one message has one encoding, so what is accepted was really read.
        if (message !== undefined)
          expect(Buffer.from(body(message))).toEqual(Buffer.from(bytesNow));
      }
    }
  });
});

test('bytes that nobody encoded are refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 18 }),
      fc.uint8Array({ maxLength: 120 }),
      (code, rest) => {
        attempt(Uint8Array.of(1, code, ...rest));
        attempt(rest);
      },
    ),
    { numRuns: 3000 },
  );
});

test('entries, slices and envelopes are not copied, neither way', () => {
  const entry = makeEntry('command', logIndex(1), term(1), millis(0), encodePlain(command));
  const message: RaftMessage = {
    kind: 'append_entries',
    term: term(1),
    baseIndex: logIndex(0),
    baseTerm: term(0),
    commit: logIndex(0),
    entries: EntryRun.of(logIndex(0), [entry]),
  };
  expect(codec.encode(message)[1]).toBe(entry.encoded);
  const frame = body(message);
  const decoded = codec.decode(frame) as MessageOf<'append_entries'>;
  expect(decoded.entries.bytes.buffer).toBe(frame.buffer);
  expect(decoded.entries.entryAt(0).encoded.buffer).toBe(frame.buffer);
  const sliceMessage = example('install_snapshot', 5) as MessageOf<'install_snapshot'>;
  expect(codec.encode(sliceMessage)[1]).toBe(sliceMessage.bytes);
  const forward = example('forward', 5) as MessageOf<'forward'>;
  expect(codec.encode(forward)[1]).toBe(forward.envelope);
});

describe('what the core takes for granted is checked', () => {
  const at = (i: number, t: number, of: Entry['kind'] = 'command', data = encodePlain(command)) =>
    makeEntry(of, logIndex(i), term(t), millis(0), data);
  const append = (base: [number, number], ...list: Entry[]): RaftMessage => ({
    kind: 'append_entries',
    term: term(5),
    baseIndex: logIndex(base[0]),
    baseTerm: term(base[1]),
    commit: logIndex(0),
    entries: EntryRun.of(logIndex(base[0]), list),
  });
  const forward = (envelope: Uint8Array): RaftMessage => ({
    kind: 'forward',
    term: term(1),
    id: 1,
    again: false,
    envelope,
  });
  const install = (change: Partial<MessageOf<'install_snapshot'>>): RaftMessage => ({
    ...(example('install_snapshot', 1) as MessageOf<'install_snapshot'>),
    ...change,
  });
  const heartbeat = (change: Partial<MessageOf<'heartbeat'>>): RaftMessage => ({
    ...(example('heartbeat', 1) as MessageOf<'heartbeat'>),
    ...change,
  });

  test('the well-formed neighbours of what follows pass', () => {
    for (const message of [
      append([4, 3], at(5, 3), at(6, 5)),
      forward(encodeOpenSession()),
      install({}),
      heartbeat({}),
    ]) {
      expect(attempt(body(message))).toEqual(message);
    }
  });

  test.each<[string, RaftMessage]>([
    ['a gap after the base', append([4, 3], at(6, 3))],
    ['a gap between entries', append([4, 3], at(5, 3), at(7, 3))],
    ['an entry that repeats', append([4, 3], at(5, 3), at(5, 3))],
    ['terms that go back after the base', append([4, 3], at(5, 2))],
    ['terms that go back', append([4, 3], at(5, 4), at(6, 3))],
    ['an entry of a later term', append([4, 3], at(5, 6))],
    ['a base of a later term', append([4, 6])],
    ['a base without a term', append([4, 0])],
    ['a base before the log with a term', append([0, 3])],
    [
      'a configuration that cannot be read',
      append([4, 3], at(5, 3, 'configuration', Uint8Array.of(9))),
    ],
    [
      'a configuration without voters',
      append(
        [4, 3],
        at(5, 3, 'configuration', encodeConfiguration({ voters: [], outgoing: [], learners: [] })),
      ),
    ],
    [
      'a configuration with a nameless member',
      append(
        [4, 3],
        at(5, 3, 'configuration', encodeConfiguration(bootstrapConfiguration(['' as never]))),
      ),
    ],
    ['a forwarded write that could take effect twice', forward(encodePlain(command))],
    ['forwarded settings', forward(encodeSettings(DEFAULT_SESSION_SETTINGS))],
    ['a forwarded envelope without a command', forward(encodeKeyed('k', new Uint8Array(0)))],
    ['an empty envelope', forward(new Uint8Array(0))],
    ['a slice beyond its snapshot', install({ size: 3, offset: 2, bytes: new Uint8Array(2) })],
    ['a snapshot of another index', install({ lastIndex: logIndex(2) })],
    ['a snapshot named like a file elsewhere', install({ snapshot: snapshotName('../x') })],
    ['a snapshot without a name', install({ snapshot: snapshotName('') })],
    ['an echo that is no number', heartbeat({ echo: millis(Number.NaN) })],
    ['an echo before time', heartbeat({ echo: millis(-2) })],
    ['an endless age', heartbeat({ quorumAge: millis(Number.POSITIVE_INFINITY) })],
    ['a negative age', heartbeat({ quorumAge: millis(-1) })],
    ['a round trip before time', heartbeat({ roundTrip: millis(-2) })],
    ['a message before the first term', { kind: 'timeout_now', term: term(0) }],
    [
      'a node without a disk',
      { kind: 'append_entries_reply', term: term(1), match: logIndex(1), storage: storageId(0) },
    ],
  ])('%s is refused', (_what, message) => {
    expect(() => codec.decode(body(message))).toThrow(DecodeError);
  });

  test('the commands of another state machine are its own affair', () => {
    const envelope = encodeKeyed('key', Uint8Array.of(7));
    expect(() => codec.decode(body(forward(envelope)))).toThrow(DecodeError);
    const lenient = raftCodec(() => undefined);
    expect(lenient.decode(body(forward(envelope)))).toEqual(forward(envelope));
  });

  test('another version and unknown kinds are refused', () => {
    const frame = body({ kind: 'timeout_now', term: term(1) });
    for (const version of [0, 2, 255]) {
      expect(() => codec.decode(Uint8Array.of(version, ...frame.subarray(1)))).toThrow(DecodeError);
    }
    for (const code of [0, 18, 255]) {
      expect(() => codec.decode(Uint8Array.of(1, code, ...frame.subarray(2)))).toThrow(DecodeError);
    }
  });
});
