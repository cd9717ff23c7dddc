/**
 * What a record of the node's journal can be (`../record_journal.ts` hands it to the disk).
 *
 * Every record may be played again over what came later: it says how something *is*, and the last one
 * about it counts, or which versions are held of a key, and these are merged. So a snapshot may be
 * taken of a state that goes on changing while it is walked, as long as all records since its
 * beginning are played again over it (`snapshots.ts`).
 */

import { type ByteReader, ByteWriter, DecodeError, ByteReader as Reader } from '../bytes';
import type { ByteString } from '../command';
import { type NodeId, nodeId } from '../ids';
import type { JournalRecord } from '../protocol';
import type { RecordJournal } from '../record_journal';
import { type Member, readMembers, writeMembers } from './members';
import type { Versions } from './versions';
import { readVersions, writeVersions } from './versions_codec';

/** A group, and the table of its members. */
export interface FormerGroup {
  readonly group: number;
  readonly members: readonly Member[];
}

export interface MembersRecord {
  readonly kind: 'members';
  /** 0 while it asks to come in. */
  readonly group: number;
  /** Where it asks. */
  readonly seed: NodeId | undefined;
  readonly members: readonly Member[];
  /** The group that it was in before it asked, while it is not let in. */
  readonly former: FormerGroup | undefined;
}

export type DynamoRecord =
  /** These are held of a key, with all that was and is not replaced; none: it is not held any more. */
  | { readonly kind: 'versions'; readonly key: ByteString; readonly versions: Versions }
  /** This node keeps the key until it has given it to `home`, which could not be reached. */
  | { readonly kind: 'hint'; readonly key: ByteString; readonly home: NodeId }
  /** `home` has the key now. */
  | { readonly kind: 'hint_done'; readonly key: ByteString; readonly home: NodeId }
  | MembersRecord
  /** Epochs up to this one may have been used for dots. */
  | { readonly kind: 'epochs'; readonly through: number }
  /** Nothing is held any more. */
  | { readonly kind: 'cleared' };

const TYPES = { versions: 1, hint: 2, hint_done: 3, members: 4, epochs: 5, cleared: 6 } as const;

export function encodeRecord(record: DynamoRecord): JournalRecord {
  return { type: TYPES[record.kind], payload: payloadOf(record) };
}

function payloadOf(record: DynamoRecord): Uint8Array {
  const writer = new ByteWriter();
  switch (record.kind) {
    case 'versions':
      writer.u32(record.key.length).latin1(record.key);
      return writeVersions(writer, record.versions).finish();
    case 'hint':
    case 'hint_done':
      return writer.u32(record.key.length).latin1(record.key).text(record.home).finish();
    case 'members':
      writer.u48(record.group).text(record.seed ?? '');
      writeMembers(writer, record.members);
      if (record.former === undefined) return writer.finish();
      return writeMembers(writer.u48(record.former.group), record.former.members).finish();
    case 'epochs':
      return writer.u32(record.through).finish();
    case 'cleared':
      return writer.finish();
  }
}

/** Throws `DecodeError` for anything but the above. */
export function decodeRecord({ type, payload }: JournalRecord): DynamoRecord {
  const reader = new Reader(payload);
  const record = readRecord(type, reader);
  reader.end();
  return record;
}

function readRecord(type: number, reader: ByteReader): DynamoRecord {
  switch (type) {
    case TYPES.versions: {
      const key = reader.latin1(reader.u32());
      return { kind: 'versions', key, versions: readVersions(reader) };
    }
    case TYPES.hint:
    case TYPES.hint_done: {
      const kind = type === TYPES.hint ? 'hint' : 'hint_done';
      return { kind, key: reader.latin1(reader.u32()), home: nodeId(reader.text()) };
    }
    case TYPES.members: {
      const group = reader.u48();
      const seed = reader.text();
      const members = readMembers(reader);
      const former =
        reader.left === 0 ? undefined : { group: reader.u48(), members: readMembers(reader) };
      const asked = seed === '' ? undefined : nodeId(seed);
      return { kind: 'members', group, seed: asked, members, former };
    }
    case TYPES.epochs:
      return { kind: 'epochs', through: reader.u32() };
    case TYPES.cleared:
      return { kind: 'cleared' };
    default:
      throw new DecodeError(`a Dynamo node has no record of type ${type}`);
  }
}

/** What a node knows of its group. */
export function membersRecord({
  group,
  seed,
  table,
  former,
}: Omit<MembersRecord, 'kind' | 'members'> & {
  readonly table: { readonly all: readonly Member[] };
}): MembersRecord {
  return { kind: 'members', group, seed, members: table.all, former };
}

export type Journal = RecordJournal<DynamoRecord>;
