/**
 * Exactly once: a layer around any state machine that keeps a command from taking effect twice
 * (dissertation §6.3).
 *
 * A client that got no answer must ask again, and cannot know whether its first request is in the
 * log. So every entry of the log says who asks (`envelope.ts`): a repeat of a command that was
 * applied gets the first result. What was applied is part of the replicated state: it is in
 * snapshots, and it is forgotten by the time in the log, at the same entry on every replica.
 */

import { InvariantViolation, invariant, unreachable } from '../assert';
import { ByteWriter, DecodeError } from '../bytes';
import type { Envelope, SessionSettings } from './envelope';
import { DEFAULT_SESSION_SETTINGS, decodeEnvelope, plainCommand } from './envelope';
import { commandHash } from './hash';
import { IdempotencyKeys, shared } from './idempotency_keys';
import type { Session } from './session_table';
import { SESSION_WINDOW, SessionTable } from './session_table';
import type { SessionsState } from './sessions_snapshot';
import { SessionsCursor, SessionsLoader } from './sessions_snapshot';
import type { ApplyContext, SnapshotCursor, SnapshotLoader, StateMachine } from './state_machine';

export type AppliedStatus =
  /** The command was applied now; `result` is the machine's. */
  | 'applied'
  /** It had been applied before; `result` is what the machine said then. */
  | 'duplicate'
  /** The session or the seq is no longer known. Not applied now; perhaps it was before. */
  | 'session_expired'
  /** The idempotency key belongs to a different command. Not applied. */
  | 'key_reused'
  /** No room to remember the result. Not applied; safe to ask again. */
  | 'table_full'
  /** `result` is the id of the session, 6 bytes. */
  | 'session_opened'
  /** The settings were taken over. */
  | 'settings';

export interface Applied {
  readonly status: AppliedStatus;
  /** Empty unless the status says otherwise. Must not be changed. */
  readonly result: Uint8Array;
}

export interface SessionsStats {
  readonly sessions: number;
  readonly keys: number;
  readonly settings: SessionSettings;
  /** The highest time that the log has shown, in whole milliseconds. */
  readonly lastTime: number;
}

/** A remembered result is at most this long: tables of results must be bounded in bytes too. */
export const MAX_RESULT_BYTES = 64 * 1024;

export class Sessions<Query, Answer> {
  constructor(
    readonly machine: StateMachine<Query, Answer>,
    private readonly state: SessionsState = {
      settings: DEFAULT_SESSION_SETTINGS,
      lastTime: 0,
      keys: new IdempotencyKeys(),
      sessions: new SessionTable(),
    },
  ) {}

  /** Applies one committed envelope. What the machine throws is thrown on: the node must stop. */
  apply(envelope: Uint8Array, context: ApplyContext): Applied {
    const { state } = this;
    // Whole milliseconds, so that sums and differences of times are exact. Time never goes back
    // along the log; if it did, an expired key would still be expired everywhere.
    const time = Math.floor(context.time);
    if (time > state.lastTime) state.lastTime = time;
    state.keys.expire(state.lastTime, state.settings.keyTtlMs);

    // The most frequent kind needs nothing but its command.
    const plain = plainCommand(envelope);
    if (plain !== undefined)
      return { status: 'applied', result: this.machine.apply(plain, context) };

    const request = decodeCommitted(envelope);
    switch (request.kind) {
      case 'plain':
        return { status: 'applied', result: this.machine.apply(request.command, context) };
      case 'keyed':
        return this.applyKeyed(request, context);
      case 'session':
        return this.applyInSession(request, context);
      case 'open_session':
        return this.openSession(context);
      case 'settings':
        return this.changeSettings(request.settings);
      default:
        return unreachable(request);
    }
  }

  /** The result of a plain command that is known without applying it; see `StateMachine`. */
  foretell(command: Uint8Array): Uint8Array | undefined {
    return this.machine.foretell?.(command);
  }

  query(query: Query): Answer {
    return this.machine.query(query);
  }

  /** Sessions, keys, settings, time and machine, as they are now. */
  beginSnapshot(): SnapshotCursor {
    return new SessionsCursor(this.state, this.machine.beginSnapshot());
  }

  beginRestore(): SnapshotLoader<Sessions<Query, Answer>> {
    return new SessionsLoader(
      this.machine.beginRestore(),
      (state, machine) => new Sessions(machine, state),
    );
  }

  /** Looks at every session: for status reports, not for the hot path. */
  stats(): SessionsStats {
    const { settings, lastTime, keys, sessions } = this.state;
    const live = sessions.live(lastTime, settings.sessionTtlMs).length;
    return { sessions: live, keys: keys.size, settings, lastTime };
  }

  private applyKeyed(
    request: Extract<Envelope, { kind: 'keyed' }>,
    context: ApplyContext,
  ): Applied {
    const { keys, settings, lastTime } = this.state;
    const hash = commandHash(request.command);
    const known = keys.find(request.key);
    if (known !== undefined) {
      return known.hash === hash ? { status: 'duplicate', result: known.result } : KEY_REUSED;
    }
    // Never make room early: a key that was promised to be remembered is what a retry relies on.
    if (keys.size >= settings.maxKeys) return TABLE_FULL;
    const result = this.applyRemembered(request.command, context);
    keys.add(request.key, { hash, result }, lastTime, settings.keyTtlMs);
    return { status: 'applied', result };
  }

  private applyInSession(
    request: Extract<Envelope, { kind: 'session' }>,
    context: ApplyContext,
  ): Applied {
    const { sessions, settings, lastTime } = this.state;
    const session = sessions.get(request.session, lastTime, settings.sessionTtlMs);
    if (session === undefined) return SESSION_EXPIRED;

    const used = useSession(session, request.lowestPending, lastTime);
    sessions.put(used, settings.sessionTtlMs);
    if (request.seq < used.lowestPending) return SESSION_EXPIRED;
    const known = used.answers.find((answer) => answer.seq === request.seq);
    if (known !== undefined) return { status: 'duplicate', result: known.result };
    if (request.seq >= used.lowestPending + SESSION_WINDOW) return TABLE_FULL;

    const result = this.applyRemembered(request.command, context);
    const answers = [...used.answers, { seq: request.seq, result: shared(result) }];
    sessions.put({ ...used, answers }, settings.sessionTtlMs);
    return { status: 'applied', result };
  }

  private applyRemembered(command: Uint8Array, context: ApplyContext): Uint8Array {
    const result = this.machine.apply(command, context);
    const { length } = result;
    invariant(length <= MAX_RESULT_BYTES, 'a result is too long to remember', { length });
    return result;
  }

  private openSession(context: ApplyContext): Applied {
    const { sessions, settings, lastTime } = this.state;
    const { sessionTtlMs, maxSessions } = settings;
    if (!sessions.open(context.index, lastTime, sessionTtlMs, maxSessions)) return TABLE_FULL;
    return { status: 'session_opened', result: new ByteWriter(6).u48(context.index).finish() };
  }

  private changeSettings(settings: SessionSettings): Applied {
    const { state } = this;
    // Whoever is dead under the old settings must stay so under the new.
    state.sessions.bury(state.lastTime, state.settings.sessionTtlMs);
    state.settings = settings;
    state.sessions.bury(state.lastTime, settings.sessionTtlMs);
    return { status: 'settings', result: NOTHING };
  }
}

const NOTHING = new Uint8Array(0);
const KEY_REUSED: Applied = { status: 'key_reused', result: NOTHING };
const TABLE_FULL: Applied = { status: 'table_full', result: NOTHING };
const SESSION_EXPIRED: Applied = { status: 'session_expired', result: NOTHING };

/** Every envelope was checked before it entered the log, so a newer version wrote this one. */
function decodeCommitted(bytes: Uint8Array): Envelope {
  try {
    return decodeEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new InvariantViolation('a committed envelope cannot be read: upgrade this node', {
      problem: error.message,
    });
  }
}

/** The session after a request has named it: alive anew, and without what is no longer asked for. */
function useSession(session: Session, lowestPending: number, now: number): Session {
  const { id, answers } = session;
  if (lowestPending <= session.lowestPending) return { ...session, lastUsed: now };
  const pending = answers.filter((answer) => answer.seq >= lowestPending);
  return { id, lastUsed: now, lowestPending, answers: pending };
}
