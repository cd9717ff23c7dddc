/**
 * A vector says which updates a replica has seen: all of each replica's up to some time. It never
 * has gaps, because updates are only ever taken over together with all that came before them.
 *
 * Vectors do not change; whoever has seen more has another vector.
 */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import { readReplica, readTime, type Stamp, TIME_BYTES, writeTime } from './stamps';

/** The time of the last update seen, by replica. */
export type Vector = ReadonlyMap<number, number>;

export const NOTHING_SEEN: Vector = new Map();

export const timeOf = (vector: Vector, replica: number): number => vector.get(replica) ?? 0;

export const hasSeen = (vector: Vector, { time, replica }: Stamp): boolean =>
  time <= timeOf(vector, replica);

/** Whether everything that `other` has seen is in `vector`; `but` is not looked at. */
export function covers(vector: Vector, other: Vector, but?: number): boolean {
  for (const [replica, time] of other) {
    if (replica !== but && time > timeOf(vector, replica)) return false;
  }
  return true;
}

export const isEqual = (one: Vector, other: Vector): boolean =>
  one === other || (covers(one, other) && covers(other, one));

/** All that either has seen. Returns `one` itself if `other` adds nothing. */
export function union(one: Vector, other: Vector): Vector {
  if (covers(one, other)) return one;
  const joined = new Map(one);
  for (const [replica, time] of other) {
    if (time > timeOf(one, replica)) joined.set(replica, time);
  }
  return joined;
}

/** What both have seen. */
export function intersection(one: Vector, other: Vector): Vector {
  const common = new Map<number, number>();
  for (const [replica, time] of one) {
    const least = Math.min(time, timeOf(other, replica));
    if (least > 0) common.set(replica, least);
  }
  return common;
}

export const withStamp = (vector: Vector, { time, replica }: Stamp): Vector =>
  union(vector, new Map([[replica, time]]));

/** The entries of `after` that are not in `before`. */
export function changes(before: Vector, after: Vector): Vector {
  return new Map([...after].filter(([replica, time]) => time !== before.get(replica)));
}

export function newest(vector: Vector): number {
  let time = 0;
  for (const one of vector.values()) time = Math.max(time, one);
  return time;
}

const ENTRY_BYTES = TIME_BYTES + 6;

/** Sorted, so that a vector has one form. */
export function writeVector(writer: ByteWriter, vector: Vector): ByteWriter {
  writer.u32(vector.size);
  for (const [replica, time] of [...vector].sort(([one], [other]) => one - other)) {
    writeTime(writer.u48(replica), time);
  }
  return writer;
}

export function readVector(reader: ByteReader): Vector {
  const vector = new Map<number, number>();
  let last = 0;
  for (let left = reader.count(ENTRY_BYTES); left > 0; left--) {
    const replica = readReplica(reader);
    if (replica <= last) throw new DecodeError('the entries of a vector are sorted');
    last = replica;
    vector.set(replica, readTime(reader));
  }
  return vector;
}
