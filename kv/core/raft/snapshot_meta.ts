/** What a snapshot says about itself, beside the state: enough to go on with the log behind it. */

import { ByteReader, ByteWriter } from '../bytes';
import {
  type LogIndex,
  logIndex,
  type Millis,
  millis,
  type SnapshotName,
  snapshotName,
  type Term,
  term,
} from '../ids';
import { type Configuration, decodeConfiguration, encodeConfiguration } from './membership';

export interface SnapshotMeta {
  /** The last entry that the state includes (§7). */
  readonly index: LogIndex;
  readonly term: Term;
  /** The cluster's time at that entry. */
  readonly time: Millis;
  /** The configuration in force at that entry. */
  readonly configuration: Configuration;
}

const FORMAT_VERSION = 1;

export function encodeSnapshotMeta(meta: SnapshotMeta): Uint8Array {
  return new ByteWriter()
    .u8(FORMAT_VERSION)
    .u48(meta.index)
    .u48(meta.term)
    .u48(meta.time)
    .raw(encodeConfiguration(meta.configuration))
    .finish();
}

/** Throws `DecodeError` for anything but the above. */
export function decodeSnapshotMeta(bytes: Uint8Array): SnapshotMeta {
  const reader = new ByteReader(bytes);
  reader.version(FORMAT_VERSION, 'a snapshot');
  return {
    index: logIndex(reader.u48()),
    term: term(reader.u48()),
    time: millis(reader.u48()),
    configuration: decodeConfiguration(reader.raw(reader.left)),
  };
}

/** Index and term name a snapshot, since no two different states can have both. */
export const nameSnapshot = (index: LogIndex, inTerm: Term): SnapshotName =>
  snapshotName(`${String(index).padStart(15, '0')}-${String(inTerm).padStart(15, '0')}`);
