/**
 * The state of the exactly-once layer as bytes, followed by those of the machine in it. The
 * drawing is in DESIGN.md.
 *
 * All records of the layer come first and are counted in the first one, so whatever follows them
 * belongs to the machine, whose format this layer does not know.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { SessionSettings } from './envelope';
import { readSettings, writeSettings } from './envelope';
import { keyHash } from './hash';
import type { CapturedGeneration } from './idempotency_keys';
import { Generation, IdempotencyKeys, shared } from './idempotency_keys';
import type { Answered, Session } from './session_table';
import { SESSION_WINDOW, SessionTable } from './session_table';
import type { Part } from './slices';
import { PartsCursor, RecordQueue, recordLength } from './slices';
import type { SnapshotCursor, SnapshotLoader } from './state_machine';

export interface SessionsState {
  settings: SessionSettings;
  /** The highest time of the log so far: what every life is measured by. */
  lastTime: number;
  readonly keys: IdempotencyKeys;
  readonly sessions: SessionTable;
}

const VERSION = 1;
/** Keys are written in records of about this size, or of one key with a long result. */
const KEYS_RECORD_BYTES = 8 * 1024;
/** More than any record takes: a session has at most 256 results of 64 KiB. */
const MAX_RECORD_BYTES = 32 * 1024 * 1024;

/** The layer's bytes, then the machine's. */
export class SessionsCursor implements SnapshotCursor {
  private readonly layer: SnapshotCursor;

  constructor(
    state: SessionsState,
    private readonly machine: SnapshotCursor,
  ) {
    const { settings, lastTime, keys, sessions } = state;
    const live = sessions.live(lastTime, settings.sessionTtlMs);
    this.layer = new PartsCursor(layerParts(settings, lastTime, live, keys.capture()));
  }

  next(bytes: number): Uint8Array | undefined {
    return this.layer.next(bytes) ?? this.machine.next(bytes);
  }

  release(): void {
    this.layer.release();
    this.machine.release();
  }
}

function* layerParts(
  settings: SessionSettings,
  lastTime: number,
  sessions: readonly Session[],
  generations: readonly CapturedGeneration[],
): Generator<Part, void> {
  const head = new ByteWriter().u8(VERSION).u48(lastTime);
  writeSettings(head, settings);
  yield* record(head.u32(sessions.length).u32(generations.length));
  for (const session of sessions) yield* record(sessionRecord(session));
  for (const { generation, count, newest } of generations) {
    yield* record(new ByteWriter().u48(generation.opened).u48(newest).u32(count));
    let keys = new ByteWriter(KEYS_RECORD_BYTES);
    for (const [key, { hash, result }] of generation.first(count)) {
      keys.u8(key.length).latin1(key).u32(hash).bytes(result);
      if (keys.length < KEYS_RECORD_BYTES) continue;
      yield* record(keys);
      keys = new ByteWriter(KEYS_RECORD_BYTES);
    }
    if (keys.length > 0) yield* record(keys);
  }
}

function* record(content: ByteWriter): Generator<Part, void> {
  yield recordLength(content.length);
  yield content.finish();
}

function sessionRecord(session: Session): ByteWriter {
  const { id, lastUsed, lowestPending, answers } = session;
  const writer = new ByteWriter().u48(id).u48(lastUsed).u48(lowestPending).u32(answers.length);
  for (const { seq, result } of answers) writer.u48(seq).bytes(result);
  return writer;
}

interface Head {
  readonly settings: SessionSettings;
  readonly lastTime: number;
  readonly sessions: number;
  readonly generations: number;
}

export class SessionsLoader<Machine, Result> implements SnapshotLoader<Result> {
  private readonly queue = new RecordQueue(MAX_RECORD_BYTES);
  private readonly sessions = new SessionTable();
  private readonly generations: Generation[] = [];
  private head: Head | undefined;
  private sessionsLoaded = 0;
  private lastSession = -1;
  /** How many keys the last generation will have; undefined once all of them are here. */
  private open: { count: number } | undefined;

  constructor(
    private readonly machine: SnapshotLoader<Machine>,
    private readonly build: (state: SessionsState, machine: Machine) => Result,
  ) {}

  write(slice: Uint8Array): void {
    if (this.complete()) {
      this.machine.write(slice);
      return;
    }
    this.queue.push(slice);
    while (!this.complete()) {
      const content = this.queue.next();
      if (content === undefined) return;
      const reader = new ByteReader(content);
      this.load(reader);
      reader.end();
    }
    const rest = this.queue.rest();
    if (rest.length > 0) this.machine.write(rest);
  }

  finish(): Result {
    const { head, sessions, generations } = this;
    if (head === undefined || !this.complete()) {
      throw new DecodeError('the snapshot ends within the sessions and keys');
    }
    const { settings, lastTime } = head;
    const keys = new IdempotencyKeys(generations);
    return this.build({ settings, lastTime, keys, sessions }, this.machine.finish());
  }

  /** Whether all of the layer's own records are here. */
  private complete(): boolean {
    const { head } = this;
    if (head === undefined || this.open !== undefined) return false;
    return this.sessionsLoaded === head.sessions && this.generations.length === head.generations;
  }

  private load(reader: ByteReader): void {
    if (this.head === undefined) this.head = readHead(reader);
    else if (this.sessionsLoaded < this.head.sessions) this.loadSession(reader, this.head);
    else if (this.open === undefined) this.loadGeneration(reader, this.head);
    else this.loadKeys(reader, this.open);
  }

  private loadSession(reader: ByteReader, head: Head): void {
    const session = readSession(reader);
    if (session.id <= this.lastSession) throw new DecodeError('sessions out of order');
    if (session.lastUsed > head.lastTime) throw new DecodeError('a session of the future');
    this.lastSession = session.id;
    this.sessions.put(session, head.settings.sessionTtlMs);
    this.sessionsLoaded++;
  }

  private loadGeneration(reader: ByteReader, head: Head): void {
    const [opened, newest, count] = [reader.u48(), reader.u48(), reader.u32()];
    const before = this.generations.at(-1)?.newest ?? 0;
    const ordered = before <= opened && opened <= newest && newest <= head.lastTime;
    if (!ordered || count === 0) throw new DecodeError('a generation of keys that cannot be');
    this.generations.push(new Generation(opened, newest));
    this.open = { count };
  }

  private loadKeys(reader: ByteReader, open: { count: number }): void {
    if (reader.left === 0) throw new DecodeError('a record of keys without a key');
    const generation = this.generations.at(-1) as Generation;
    while (reader.left > 0 && generation.size < open.count) {
      const length = reader.u8();
      const key = reader.latin1(length);
      const place = keyHash(key);
      const hash = reader.u32() | 0;
      const result = reader.bytes();
      const twice = this.generations.some((one) => one.find(key, place) !== undefined);
      if (length === 0 || twice) throw new DecodeError('a key that is empty or there twice');
      generation.add(key, { hash, result });
    }
    if (generation.size === open.count) this.open = undefined;
  }
}

function readHead(reader: ByteReader): Head {
  const version = reader.u8();
  if (version !== VERSION) throw new DecodeError(`the snapshot has version ${version}`);
  const lastTime = reader.u48();
  const settings = readSettings(reader);
  return { settings, lastTime, sessions: reader.u32(), generations: reader.u32() };
}

function readSession(reader: ByteReader): Session {
  const [id, lastUsed, lowestPending] = [reader.u48(), reader.u48(), reader.u48()];
  const count = reader.u32();
  if (count > SESSION_WINDOW) throw new DecodeError(`a session with ${count} results`);
  const answers: Answered[] = [];
  for (let i = 0; i < count; i++) {
    const seq = reader.u48();
    const result = shared(reader.bytes());
    const inWindow = seq >= lowestPending && seq < lowestPending + SESSION_WINDOW;
    if (!inWindow || answers.some((answer) => answer.seq === seq)) {
      throw new DecodeError('a session with a result that cannot be');
    }
    answers.push({ seq, result });
  }
  return { id, lastUsed, lowestPending, answers };
}
