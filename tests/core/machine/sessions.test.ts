import { InvariantViolation } from '../../../kv/core/assert';
import { ByteReader, DecodeError } from '../../../kv/core/bytes';
import type { Answer, Query } from '../../../kv/core/command';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import type { SessionSettings } from '../../../kv/core/machine/envelope';
import {
  DEFAULT_SESSION_SETTINGS,
  encodeKeyed,
  encodeOpenSession,
  encodePlain,
  encodeSession,
  encodeSettings,
} from '../../../kv/core/machine/envelope';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { SESSION_WINDOW } from '../../../kv/core/machine/session_table';
import { MAX_RESULT_BYTES, Sessions } from '../../../kv/core/machine/sessions';
import { at, bytesOf, damaged, drain, load } from './support';

const append = (text: string) =>
  encodeCommand({ kind: 'append', key: 'log', value: bytesOf(text) });
const DELETE = encodeCommand({ kind: 'delete', key: 'absent' });

/** A machine with a log: each call is the next entry. */
class Log {
  index = 0;
  time = 0;
  sessions: Sessions<Query, Answer>;

  constructor(settings: Partial<SessionSettings> = {}) {
    this.sessions = new Sessions(new KeyValue());
    this.settings(settings);
  }

  apply(envelope: Uint8Array) {
    return this.sessions.apply(envelope, at(++this.index, this.time));
  }
  settings(settings: Partial<SessionSettings>) {
    return this.apply(encodeSettings({ ...DEFAULT_SESSION_SETTINGS, ...settings })).status;
  }
  keyed(key: string, command = append('1')) {
    return this.apply(encodeKeyed(key, command)).status;
  }
  open(): number {
    const opened = this.apply(encodeOpenSession());
    expect(opened.status).toBe('session_opened');
    return new ByteReader(opened.result).u48();
  }
  request(session: number, seq: number, lowestPending = seq, command = append(String(seq))) {
    return this.apply(encodeSession({ session, seq, lowestPending }, command)).status;
  }
  restart(): void {
    const snapshot = drain(this.sessions.beginSnapshot());
    this.sessions = load(this.sessions.beginRestore(), snapshot, 11);
    expect(drain(this.sessions.beginSnapshot())).toEqual(snapshot);
  }
  get list(): unknown {
    return JSON.parse(this.sessions.query({ key: 'log' }) ?? '[]');
  }
}

/** Everything must hold as well if the node restarts from a snapshot before each step. */
describe.each([
  ['in one life', () => undefined],
  ['restarted from a snapshot before each step', (log: Log) => log.restart()],
])('exactly once, %s', (_, pause) => {
  test('a plain command is applied as often as it comes', () => {
    const log = new Log();
    for (const _ of [1, 2]) log.apply(encodePlain(append('1')));
    pause(log);
    expect(log.list).toEqual([1, 1]);
  });

  test('a keyed command is applied once, and its repeat gets the first result', () => {
    const log = new Log();
    const envelope = encodeKeyed('k', DELETE);
    const first = log.apply(envelope);
    expect(first.status).toBe('applied');
    pause(log);
    log.apply(encodePlain(encodeCommand({ kind: 'put', key: 'absent', value: bytesOf('1') })));
    pause(log);
    expect(log.apply(envelope)).toEqual({ status: 'duplicate', result: first.result });
    expect(log.sessions.query({ key: 'absent' })).toBe('1');
  });

  test('a key is bound to its command', () => {
    const log = new Log();
    expect(log.keyed('k', append('1'))).toBe('applied');
    pause(log);
    expect(log.keyed('k', append('2'))).toBe('key_reused');
    expect(log.keyed('k', append('1'))).toBe('duplicate');
    expect(log.list).toEqual([1]);
  });

  test('a key lives to the last millisecond of its life', () => {
    const log = new Log({ keyTtlMs: 800 });
    log.time = 1000;
    expect(log.keyed('k')).toBe('applied');
    log.time = 1800;
    pause(log);
    expect(log.keyed('k')).toBe('duplicate');
    log.time = 1801;
    pause(log);
    expect(log.keyed('k')).toBe('applied');
    expect(log.list).toEqual([1, 1]);
  });

  test('a key outlives its life by less than an eighth, with the newest of its generation', () => {
    const log = new Log({ keyTtlMs: 800 });
    log.keyed('first');
    log.time = 100;
    log.keyed('same generation');
    log.time = 101;
    log.keyed('next generation');
    log.time = 900;
    pause(log);
    expect(log.keyed('first')).toBe('duplicate');
    log.time = 901;
    pause(log);
    expect(log.keyed('next generation')).toBe('duplicate');
    expect(log.sessions.stats().keys).toBe(1);
    expect(log.keyed('first')).toBe('applied');
  });

  test('a full table of keys refuses, forgets nothing, and has room again in time', () => {
    const log = new Log({ maxKeys: 2, keyTtlMs: 100 });
    for (const key of ['a', 'b']) expect(log.keyed(key)).toBe('applied');
    pause(log);
    expect(log.keyed('c')).toBe('table_full');
    for (const key of ['a', 'b']) expect(log.keyed(key)).toBe('duplicate');
    expect(log.list).toEqual([1, 1]);
    log.time = 101;
    pause(log);
    expect(log.keyed('c')).toBe('applied');
  });

  test('requests of a session are applied once each, in any order', () => {
    const log = new Log();
    const session = log.open();
    expect(session).toBe(log.index);
    for (const seq of [3, 1, 2]) expect(log.request(session, seq, 1)).toBe('applied');
    pause(log);
    for (const seq of [1, 2, 3]) expect(log.request(session, seq, 1)).toBe('duplicate');
    expect(log.list).toEqual([3, 1, 2]);
  });

  test('a request below the lowest pending one is never executed again', () => {
    const log = new Log();
    const session = log.open();
    log.request(session, 1);
    log.request(session, 2);
    pause(log);
    expect(log.request(session, 1)).toBe('session_expired');
    expect(log.request(session, 2)).toBe('duplicate');
    expect(log.list).toEqual([1, 2]);
  });

  test('a session goes no further ahead than its results are kept', () => {
    const log = new Log();
    const session = log.open();
    expect(log.request(session, SESSION_WINDOW, 1)).toBe('applied');
    pause(log);
    expect(log.request(session, SESSION_WINDOW + 1, 1)).toBe('table_full');
    expect(log.request(session, SESSION_WINDOW + 1, 2)).toBe('applied');
  });

  test('a session lives to the last millisecond after its last use', () => {
    const log = new Log({ sessionTtlMs: 100 });
    const session = log.open();
    log.time = 100;
    pause(log);
    expect(log.request(session, 1)).toBe('applied');
    log.time = 200;
    pause(log);
    expect(log.request(session, 1)).toBe('duplicate');
    log.time = 301;
    pause(log);
    expect(log.request(session, 1)).toBe('session_expired');
    expect(log.request(session, 2)).toBe('session_expired');
    expect(log.list).toEqual([1]);
  });

  test('any use keeps a session alive, a repeat too', () => {
    const log = new Log({ sessionTtlMs: 100 });
    const session = log.open();
    for (let i = 0; i < 5; i++) {
      log.time += 100;
      pause(log);
      expect(log.request(session, 1)).toBe(i === 0 ? 'applied' : 'duplicate');
    }
  });

  test('an unknown session is an expired one', () => {
    expect(new Log().request(77, 1)).toBe('session_expired');
  });

  test('a full table of sessions refuses until one has died', () => {
    const log = new Log({ maxSessions: 2, sessionTtlMs: 100 });
    const first = log.open();
    log.time = 10;
    const second = log.open();
    pause(log);
    expect(log.apply(encodeOpenSession()).status).toBe('table_full');
    log.time = 101;
    pause(log);
    const third = log.open();
    expect(log.request(first, 1)).toBe('session_expired');
    for (const session of [second, third]) expect(log.request(session, 1)).toBe('applied');
    expect(log.apply(encodeOpenSession()).status).toBe('table_full');
  });

  test('longer lives do not wake the dead, shorter ones make room at once', () => {
    const log = new Log({ sessionTtlMs: 100, keyTtlMs: 100, maxSessions: 2 });
    const dead = log.open();
    log.keyed('dead');
    log.time = 101;
    pause(log);
    log.settings({ sessionTtlMs: 1000, keyTtlMs: 1000, maxSessions: 2 });
    expect(log.request(dead, 1)).toBe('session_expired');
    expect(log.keyed('dead')).toBe('applied');
    for (const _ of [1, 2]) log.open();
    log.time = 151;
    pause(log);
    expect(log.apply(encodeOpenSession()).status).toBe('table_full');
    log.settings({ sessionTtlMs: 10, keyTtlMs: 10, maxSessions: 2 });
    pause(log);
    expect(log.keyed('dead')).toBe('applied');
    log.open();
    log.open();
    log.time = 162;
    pause(log);
    log.open();
  });

  test('time that goes back revives nothing', () => {
    const log = new Log({ sessionTtlMs: 100, keyTtlMs: 100 });
    const session = log.open();
    log.keyed('k');
    log.time = 101;
    log.apply(encodePlain(DELETE));
    log.time = 50;
    pause(log);
    expect(log.request(session, 1)).toBe('session_expired');
    expect(log.keyed('k')).toBe('applied');
    expect(log.sessions.stats().lastTime).toBe(101);
  });
});

describe('what must stop the node', () => {
  test.each([[], [1], [2, 1], [1, 0], [1, 6], [1, 2, 0], [1, 3, 0]])('envelope %j', (...bytes) => {
    const log = new Log();
    expect(() => log.apply(Uint8Array.from(bytes))).toThrow(InvariantViolation);
  });

  test('a command that the machine cannot read', () => {
    expect(() => new Log().apply(encodePlain(Uint8Array.of(9)))).toThrow(InvariantViolation);
    expect(() => new Log().keyed('k', Uint8Array.of(9))).toThrow(InvariantViolation);
  });

  test('a result that is too long to remember', () => {
    const machine = new KeyValue();
    machine.apply = () => new Uint8Array(MAX_RESULT_BYTES + 1);
    const sessions = new Sessions(machine);
    expect(sessions.apply(encodePlain(DELETE), at(1)).status).toBe('applied');
    expect(() => sessions.apply(encodeKeyed('k', DELETE), at(2))).toThrow(InvariantViolation);
  });
});

describe('snapshots', () => {
  function filled(): Log {
    const log = new Log();
    const session = log.open();
    for (const seq of [1, 2]) log.request(session, seq, 1);
    log.time = 5;
    for (const key of ['a', 'bb']) log.keyed(key);
    return log;
  }

  test('damaged bytes are refused or another state that is whole', () => {
    const log = filled();
    let refused = 0;
    for (const bytes of damaged(drain(log.sessions.beginSnapshot()))) {
      try {
        const restored = load(log.sessions.beginRestore(), bytes, 5);
        drain(restored.beginSnapshot());
        restored.apply(encodeKeyed('z', append('1')), at(99));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  test('a released walk makes room for the next', () => {
    const log = filled();
    const cursor = log.sessions.beginSnapshot();
    cursor.next(1);
    cursor.release();
    expect(cursor.next(1)).toBeUndefined();
    expect(drain(log.sessions.beginSnapshot()).length).toBeGreaterThan(100);
  });

  test('results of any length are kept', () => {
    const machine = new KeyValue();
    machine.apply = (command) => command;
    const sessions = new Sessions(machine);
    const commands = [0, 1, 2, 9000].map((length) => new Uint8Array(length).fill(length));
    commands.forEach((one, i) => {
      sessions.apply(encodeKeyed(`k${i}`, one), at(i));
    });
    const restored = load(sessions.beginRestore(), drain(sessions.beginSnapshot()), 100);
    commands.forEach((one, i) => {
      const repeat = restored.apply(encodeKeyed(`k${i}`, one), at(10 + i));
      expect(repeat).toEqual({ status: 'duplicate', result: one });
    });
  });
});

test('200,000 keys are remembered, in generations, and snapshotted while more come', () => {
  const log = new Log();
  for (let i = 0; i < 200_000; i++) log.keyed(`key ${i}`, DELETE);
  expect(log.sessions.stats().keys).toBe(200_000);
  const before = drain(log.sessions.beginSnapshot(), 1 << 16);
  const cursor = log.sessions.beginSnapshot();
  const slices: Uint8Array[] = [];
  for (let i = 200_000; i < 280_000; i++) {
    log.keyed(`key ${i}`, DELETE);
    const slice = i % 1000 === 0 ? cursor.next(1 << 14) : undefined;
    if (slice !== undefined) slices.push(slice);
  }
  slices.push(drain(cursor, 1 << 16));
  expect(Buffer.concat(slices).equals(before)).toBe(true);
  const restored = load(log.sessions.beginRestore(), before, 100_000);
  expect(restored.stats().keys).toBe(200_000);
  let forgotten = 0;
  for (let i = 0; i < 200_000; i += 7) {
    const repeat = restored.apply(encodeKeyed(`key ${i}`, DELETE), at(1e6 + i));
    if (repeat.status !== 'duplicate') forgotten++;
  }
  expect(forgotten).toBe(0);
});
