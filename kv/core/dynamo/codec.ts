/**
 * The messages of `messages.ts` as bytes between nodes.
 *
 *     0   version  u8    1
 *     1   kind     u8    the `code` of the kind below
 *     2   group    u48
 *     8   table    u48   the digest of the sender's table of members
 *    14   fields         what the kind says, in the order of its `write`
 *
 * Decoding is strict: whatever the core takes for granted about a message by itself (versions are
 * concurrent and sorted, entries are in order, numbers are in their ranges) is checked here.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { nodeId } from '../ids';
import type { MessageCodec } from '../protocol';
import { readMember, readMembers, writeMember, writeMembers } from './members';
import { BRANCHES } from './merkle';
import {
  type DynamoMessage,
  type KeyDigest,
  type MessageKind,
  type MessageOf,
  type Said,
  STORE_RESULTS,
} from './messages';
import { PARTITIONS, partitionOf } from './ring';
import { readVersions, writeVersions } from './versions_codec';

interface KindCodec<Kind extends MessageKind> {
  readonly code: number;
  write(writer: ByteWriter, message: MessageOf<Kind>): void;
  read(reader: ByteReader): Omit<Said<MessageOf<Kind>>, 'kind'>;
}

const VERSION = 1;

export function dynamoCodec(): MessageCodec<DynamoMessage> {
  return {
    encode(message) {
      const codec = CODECS[message.kind] as KindCodec<MessageKind>;
      const writer = new ByteWriter().u8(VERSION).u8(codec.code);
      writer.u48(message.group).u48(message.table);
      codec.write(writer, message);
      return [writer.finish()];
    },
    decode(body) {
      const reader = new ByteReader(body);
      reader.version(VERSION, 'a message');
      const code = reader.u8();
      const kind = BY_CODE.get(code);
      if (kind === undefined) throw new DecodeError(`there is no message of kind ${code}`);
      const common = { kind, group: reader.u48(), table: reader.u48() };
      // The kind's own codec reads the fields of that kind; the table below is complete by type.
      const message = { ...common, ...CODECS[kind].read(reader) } as DynamoMessage;
      reader.end();
      return message;
    },
  };
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DecodeError(what);
}

/** A key may be as long as 16 bits say. */
const MAX_KEY_BYTES = 65_535;
const LEAST_ENTRY_BYTES = 10;

const writeKey = (writer: ByteWriter, key: ByteString): ByteWriter =>
  writer.u32(key.length).latin1(key);

function readKey(reader: ByteReader): ByteString {
  const length = reader.u32();
  must(length <= MAX_KEY_BYTES, 'a key is not so long');
  return reader.latin1(length);
}

function readPartition(reader: ByteReader): number {
  const partition = reader.u32();
  must(partition < PARTITIONS, `there are ${PARTITIONS} partitions`);
  return partition;
}

function writeDigests(writer: ByteWriter, digests: readonly number[]): void {
  for (const digest of digests) writer.u48(digest);
}

const readDigests = (reader: ByteReader): number[] =>
  Array.from({ length: BRANCHES }, () => reader.u48());

function readEntries(reader: ByteReader): KeyDigest[] {
  const entries = Array.from({ length: reader.count(LEAST_ENTRY_BYTES) }, () => ({
    key: readKey(reader),
    digest: reader.u48(),
  }));
  const isSorted = entries.every(({ key }, i) => i === 0 || (entries[i - 1]?.key ?? '') < key);
  must(isSorted, 'the keys of a comparison are sorted');
  return entries;
}

const CODECS: { readonly [Kind in MessageKind]: KindCodec<Kind> } = {
  store: {
    code: 1,
    write: (writer, { operation, key, versions, standsInFor, isNew }) => {
      writeKey(writer.u48(operation), key)
        .text(standsInFor ?? '')
        .u8(Number(isNew));
      writeVersions(writer, versions);
    },
    read: (reader) => {
      const operation = reader.u48();
      const key = readKey(reader);
      const home = reader.text();
      const isNew = reader.flag();
      const versions = readVersions(reader);
      must(versions.length > 0, 'there is something to be stored');
      const standsInFor = home === '' ? undefined : nodeId(home);
      return { operation, key, versions, standsInFor, isNew };
    },
  },
  stored: {
    code: 2,
    write: (writer, { operation, result }) =>
      void writer.u48(operation).u8(STORE_RESULTS.indexOf(result)),
    read: (reader) => {
      const operation = reader.u48();
      const result = STORE_RESULTS[reader.u8()];
      must(result !== undefined, 'there is no such result of a store');
      return { operation, result };
    },
  },
  fetch: {
    code: 3,
    write: (writer, { operation, key, place }) =>
      void writeKey(writer.u48(operation), key).u32(place),
    read: (reader) => ({ operation: reader.u48(), key: readKey(reader), place: reader.u32() }),
  },
  fetched: {
    code: 4,
    write: (writer, { operation, isServing, place, isLast, digest, versions }) => {
      writer.u48(operation).u8(Number(isServing)).u32(place).u8(Number(isLast)).u48(digest);
      writeVersions(writer, versions);
    },
    read: (reader) => {
      const operation = reader.u48();
      const isServing = reader.flag();
      const place = reader.u32();
      const isLast = reader.flag();
      const digest = reader.u48();
      const versions = readVersions(reader);
      must(isLast || versions.length > 0, 'a part that is not the last one holds something');
      return { operation, isServing, place, isLast, digest, versions };
    },
  },
  ping: { code: 5, write: () => undefined, read: () => ({}) },
  pong: { code: 6, write: () => undefined, read: () => ({}) },
  join: {
    code: 7,
    write: (writer, { member }) => void writeMember(writer, member),
    read: (reader) => {
      const member = readMember(reader);
      must(member.standing === 'joining', 'who asks to come in is not in yet');
      return { member };
    },
  },
  members: {
    code: 8,
    write: (writer, { members }) => void writeMembers(writer, members),
    read: (reader) => ({ members: readMembers(reader) }),
  },
  root: {
    code: 9,
    write: (writer, { digest }) => void writer.u48(digest),
    read: (reader) => ({ digest: reader.u48() }),
  },
  branches: {
    code: 10,
    write: (writer, { digests }) => writeDigests(writer, digests),
    read: (reader) => ({ digests: readDigests(reader) }),
  },
  leaves: {
    code: 11,
    write: (writer, { branch, digests }) => writeDigests(writer.u8(branch), digests),
    read: (reader) => {
      const branch = reader.u8();
      must(branch < BRANCHES, `there are ${BRANCHES} branches`);
      return { branch, digests: readDigests(reader) };
    },
  },
  compare: {
    code: 12,
    write: (writer, { exchange, range, entries }) => {
      writer.u48(exchange).u8(Number(range !== undefined));
      if (range) writeKey(writer.u32(range.partition), range.after).u8(Number(range.isLast));
      writer.u32(entries.length);
      for (const { key, digest } of entries) writeKey(writer, key).u48(digest);
    },
    read: (reader) => {
      const exchange = reader.u48();
      const range = reader.flag()
        ? { partition: readPartition(reader), after: readKey(reader), isLast: reader.flag() }
        : undefined;
      const entries = readEntries(reader);
      if (range !== undefined) {
        must(range.isLast || entries.length > 0, 'a range that ends somewhere has a last entry');
        for (const { key } of entries) {
          must(key > range.after, 'a range begins behind what was compared before');
          must(partitionOf(key) === range.partition, 'a range lies in one partition');
        }
      }
      return { exchange, range, entries };
    },
  },
  compared: {
    code: 13,
    write: (writer, { exchange, wanted, extra }) => {
      writer.u48(exchange).u32(extra).u32(wanted.length);
      for (const place of wanted) writer.u32(place);
    },
    read: (reader) => {
      const exchange = reader.u48();
      const extra = reader.u32();
      const wanted = Array.from({ length: reader.count(4) }, () => reader.u32());
      must(
        wanted.every((place, i) => i === 0 || place > (wanted[i - 1] ?? 0)),
        'places are sorted',
      );
      return { exchange, wanted, extra };
    },
  },
  push: {
    code: 14,
    write: (writer, { exchange, entries }) => {
      writer.u48(exchange).u32(entries.length);
      for (const { key, versions } of entries) writeVersions(writeKey(writer, key), versions);
    },
    read: (reader) => {
      const exchange = reader.u48();
      const entries = Array.from({ length: reader.count(8) }, () => ({
        key: readKey(reader),
        versions: readVersions(reader),
      }));
      return { exchange, entries };
    },
  },
  pushed: {
    code: 15,
    write: (writer, { exchange }) => void writer.u48(exchange),
    read: (reader) => ({ exchange: reader.u48() }),
  },
  survey: {
    code: 16,
    write: (writer, { exchange, partitions }) => {
      writer.u48(exchange).u32(partitions.length);
      for (const { partition, digest } of partitions) writer.u32(partition).u48(digest);
    },
    read: (reader) => {
      const exchange = reader.u48();
      const partitions = Array.from({ length: reader.count(LEAST_ENTRY_BYTES) }, () => ({
        partition: readPartition(reader),
        digest: reader.u48(),
      }));
      return { exchange, partitions };
    },
  },
  surveyed: {
    code: 17,
    write: (writer, { exchange, different }) => {
      writer.u48(exchange).u32(different.length);
      for (const partition of different) writer.u32(partition);
    },
    read: (reader) => {
      const exchange = reader.u48();
      return {
        exchange,
        different: Array.from({ length: reader.count(4) }, () => readPartition(reader)),
      };
    },
  },
};

const BY_CODE = new Map(
  (Object.keys(CODECS) as MessageKind[]).map((kind) => [CODECS[kind].code, kind] as const),
);
