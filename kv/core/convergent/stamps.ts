/**
 * A stamp names an update and says when it was made: a reading of its replica's hybrid logical clock
 * (Kulkarni et al., 2014) and the replica's id. No two updates have one stamp; a cause has a smaller
 * one than its effect; and all replicas order stamps in the same way.
 *
 * The clock's reading is one whole number, the wall clock in 1024ths of a millisecond. What counts
 * events within such a part is the number itself: it is at least the wall clock, and one more than
 * all readings seen before. It stays exact until the year 2248.
 */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import type { Millis } from '../ids';

/** Parts of a millisecond. */
export const TICKS_PER_MS = 1024;

export interface Stamp {
  /** The hybrid logical clock, in ticks of the Unix epoch; never 0. */
  readonly time: number;
  /** The storage id of the replica that made the update. */
  readonly replica: number;
}

/** Negative if `one` comes before `other`; 0 only for the same stamp. */
export const compareStamps = (one: Stamp, other: Stamp): number =>
  one.time - other.time || one.replica - other.replica;

export const isSameStamp = (one: Stamp, other: Stamp): boolean =>
  one.time === other.time && one.replica === other.replica;

export const ticksOf = (wall: Millis): number => Math.floor(wall * TICKS_PER_MS);
export const millisOf = (time: number): number => time / TICKS_PER_MS;

export const stampText = ({ time, replica }: Stamp): string => `${time}.${replica}`;

/** Of a time in bytes. */
export const TIME_BYTES = 8;
const LOW = 2 ** 32;

export const writeTime = (writer: ByteWriter, time: number): ByteWriter =>
  writer.u32(time % LOW).u32(Math.floor(time / LOW));

export function readTime(reader: ByteReader): number {
  const low = reader.u32();
  const time = reader.u32() * LOW + low;
  if (time > 0 && Number.isSafeInteger(time)) return time;
  throw new DecodeError('a stamp is of no time that can be');
}

export function readReplica(reader: ByteReader): number {
  const replica = reader.u48();
  if (replica === 0) throw new DecodeError('a replica has an id');
  return replica;
}

export const writeStamp = (writer: ByteWriter, { time, replica }: Stamp): ByteWriter =>
  writeTime(writer, time).u48(replica);

export const readStamp = (reader: ByteReader): Stamp => ({
  time: readTime(reader),
  replica: readReplica(reader),
});
