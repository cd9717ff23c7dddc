/** One update, as it really was: who has made it, when, and what its replica had seen before. */

import type { Change } from '../../core/convergent/requests';

/** The time of the last update seen, by replica. */
export type Seen = ReadonlyMap<number, number>;

/** One update of one client, or of a replica itself. */
export class Update {
  outcome: 'unknown' | 'written' | 'not_applied' = 'unknown';
  /** Who has made it and when; 0 until it is made. */
  replica = 0;
  time = 0;
  /** What its replica had seen before. */
  past: Seen = new Map();
  /** The keys of values that it has ended although it is of another type. */
  readonly endsValue = new Set<string>();
  /** What it has put, and up to what it has counted, by key. */
  readonly texts = new Map<string, string>();
  readonly amounts = new Map<string, number>();
  /** Keys that it would have removed something from that was not there. */
  readonly idle = new Set<string>();

  constructor(
    /** Its unique text, which it writes to a key of its client. */
    readonly name: string,
    readonly changes: ReadonlyMap<string, Change>,
  ) {}

  get isMade(): boolean {
    return this.time > 0;
  }
}

/** When something was said, and by which replica. */
interface Stamped {
  readonly replica: number;
  readonly time: number;
}

export const isIn = ({ replica, time }: Stamped, seen: Seen): boolean =>
  time <= (seen.get(replica) ?? 0);

export function isWithin(inner: Seen, outer: Seen): boolean {
  for (const [replica, time] of inner) if (time > (outer.get(replica) ?? 0)) return false;
  return true;
}

export const byStamp = (one: Stamped, other: Stamped): number =>
  one.time - other.time || one.replica - other.replica;

export const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
