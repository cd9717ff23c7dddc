/**
 * The open sessions. A session is a value that is replaced, never changed, so a snapshot keeps the
 * table by copying a list of references.
 *
 * A session is dead when it has not been used for longer than its life. Dead sessions may stay in
 * the table until their place is needed, because nothing can tell that they are there: lookups and
 * snapshots pass over them.
 */

import { invariant } from '../assert';

/** The result of one request of a session. */
export interface Answered {
  readonly seq: number;
  readonly result: Uint8Array;
}

export interface Session {
  /** The log index of the entry that opened it. */
  readonly id: number;
  readonly lastUsed: number;
  /** The highest `lowestPending` heard of: results below are forgotten. */
  readonly lowestPending: number;
  /** The results that the client may still ask for, in the order in which they came. */
  readonly answers: readonly Answered[];
}

/** How far ahead of its lowest pending request a session may go: so many results are kept. */
export const SESSION_WINDOW = 256;

export class SessionTable {
  private readonly sessions = new Map<number, Session>();
  /** No session dies before this: until then it is no use to look for dead ones. */
  private nextDeath = Number.POSITIVE_INFINITY;

  /** The live session with this id. */
  get(id: number, now: number, ttlMs: number): Session | undefined {
    const session = this.sessions.get(id);
    return session !== undefined && now - session.lastUsed <= ttlMs ? session : undefined;
  }

  /** False if the table is full of live sessions. */
  open(id: number, now: number, ttlMs: number, max: number): boolean {
    if (this.sessions.size >= max && now > this.nextDeath) this.bury(now, ttlMs);
    if (this.sessions.size >= max) return false;
    invariant(!this.sessions.has(id), 'each log index opens one session', { id });
    this.put({ id, lastUsed: now, lowestPending: 0, answers: [] }, ttlMs);
    return true;
  }

  /** Stores a new session, or the next version of one. */
  put(session: Session, ttlMs: number): void {
    this.sessions.set(session.id, session);
    this.nextDeath = Math.min(this.nextDeath, session.lastUsed + ttlMs);
  }

  /** Removes the dead. Must come before the life of sessions changes, lest that revive them. */
  bury(now: number, ttlMs: number): void {
    this.nextDeath = Number.POSITIVE_INFINITY;
    for (const session of this.sessions.values()) {
      if (now - session.lastUsed > ttlMs) this.sessions.delete(session.id);
      else this.nextDeath = Math.min(this.nextDeath, session.lastUsed + ttlMs);
    }
  }

  /** The live sessions, the oldest id first. */
  live(now: number, ttlMs: number): Session[] {
    // A session keeps its place in the map when it is replaced, so the map is in order of ids.
    return [...this.sessions.values()].filter((session) => now - session.lastUsed <= ttlMs);
  }
}
