/**
 * Which log it is. A log is named by the disk of its master, and by how often it has begun anew since it
 * first began: emptied by a clear, or continued by a master that had lost its disk. So messages from
 * before a clear, and disks of masters from before a loss, are told apart for ever.
 */

import type { ByteReader, ByteWriter } from '../bytes';
import { DecodeError } from '../bytes';
import { type StorageId, storageId } from '../ids';

export interface LogName {
  /** The disk of the master that writes it. */
  readonly disk: StorageId;
  /** 1 for the first; each clear begins the next one, and so does another disk of the master. */
  readonly generation: number;
  /** The disk of its first generation. */
  readonly origin: StorageId;
}

/** A log that another one has taken over: its messages below `end` are the first of that one. */
export interface Base {
  readonly name: LogName;
  readonly end: number;
}

export const isSameLog = (one: LogName | undefined, other: LogName | undefined): boolean =>
  one?.disk === other?.disk && one?.generation === other?.generation;

/** Whether `one` is what has become of `other` since. */
export const isLaterLog = (one: LogName, other: LogName | undefined): boolean =>
  one.origin === other?.origin && one.generation > other.generation;

/** For people and clients; '' for none. */
export const textOfName = (name: LogName | undefined): string =>
  name === undefined ? '' : `${name.disk.toString(36)}.${name.generation}`;

export const writeName = (writer: ByteWriter, name: LogName): ByteWriter =>
  writer.u48(name.disk).u48(name.generation).u48(name.origin);

export function readName(reader: ByteReader): LogName {
  const disk = storageId(reader.u48());
  const generation = reader.u48();
  const origin = storageId(reader.u48());
  if (disk === 0 || generation === 0 || origin === 0) {
    throw new DecodeError('a log has a disk, a generation and an origin');
  }
  return { disk, generation, origin };
}

export const writeBase = (writer: ByteWriter, { name, end }: Base): ByteWriter =>
  writeName(writer, name).u48(end);

export const readBase = (reader: ByteReader): Base => ({
  name: readName(reader),
  end: reader.u48(),
});

export function writeBaseOrNone(writer: ByteWriter, base: Base | undefined): ByteWriter {
  writer.u8(Number(base !== undefined));
  return base === undefined ? writer : writeBase(writer, base);
}

export const readBaseOrNone = (reader: ByteReader): Base | undefined =>
  reader.flag() ? readBase(reader) : undefined;
