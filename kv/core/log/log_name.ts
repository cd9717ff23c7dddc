/**
 * Which log it is. A log is named by the disk on which its master began it, and by how often it has
 * been cleared since. So a master that has lost its disk has another log than before and cannot go on
 * with the old one by mistake, and messages from before a clear are told apart for ever.
 */

import type { ByteReader, ByteWriter } from '../bytes';
import { DecodeError } from '../bytes';
import { type StorageId, storageId } from '../ids';

export interface LogName {
  readonly disk: StorageId;
  /** 1 for the first; each clear begins the next one. */
  readonly generation: number;
}

export const isSameLog = (one: LogName | undefined, other: LogName | undefined): boolean =>
  one?.disk === other?.disk && one?.generation === other?.generation;

/** Whether `one` is the same log as `other`, cleared since. */
export const isLaterLog = (one: LogName, other: LogName | undefined): boolean =>
  one.disk === other?.disk && one.generation > other.generation;

/** For people and clients; '' for none. */
export const textOfName = (name: LogName | undefined): string =>
  name === undefined ? '' : `${name.disk.toString(36)}.${name.generation}`;

export const writeName = (writer: ByteWriter, name: LogName): ByteWriter =>
  writer.u48(name.disk).u48(name.generation);

export function readName(reader: ByteReader): LogName {
  const disk = storageId(reader.u48());
  const generation = reader.u48();
  if (disk === 0 || generation === 0) throw new DecodeError('a log has a disk and a generation');
  return { disk, generation };
}
