/**
 * Sessions against an oracle that keeps everything for ever and works out from the whole history
 * what must be answered.
 */

import fc from 'fast-check';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import type { SessionSettings } from '../../../kv/core/machine/envelope';
import {
  encodeKeyed,
  encodeOpenSession,
  encodePlain,
  encodeSession,
  encodeSettings,
} from '../../../kv/core/machine/envelope';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { SESSION_WINDOW, SessionTable } from '../../../kv/core/machine/session_table';
import type { Applied } from '../../../kv/core/machine/sessions';
import { Sessions } from '../../../kv/core/machine/sessions';
import { at, bytesOf, drain, load } from './support';

const LONGEST_TTL_MS = 100;

/** `which` picks one of the few sessions or keys, `text` is what the command appends. */
type Step =
  | { readonly kind: 'plain'; readonly text: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'keyed'; readonly which: number; readonly text: number }
  | { readonly kind: 'session'; which: number; seq: number; behind: number; text: number }
  | { readonly kind: 'settings'; readonly settings: SessionSettings }
  | { readonly kind: 'wait'; readonly ms: number };

const small = fc.integer({ min: 0, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), text: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('keyed' as const), which: small, text: small }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('session' as const),
      which: fc.integer({ min: 0, max: 5 }),
      seq: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 250, max: 265 })),
      behind: fc.integer({ min: 0, max: 8 }),
      text: small,
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        keyTtlMs: fc.integer({ min: 0, max: LONGEST_TTL_MS }),
        sessionTtlMs: fc.integer({ min: 0, max: LONGEST_TTL_MS }),
        maxKeys: fc.integer({ min: 1, max: 4 }),
        maxSessions: fc.integer({ min: 1, max: 4 }),
      })
      .map((settings) => ({ kind: 'settings' as const, settings })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ max: 60, min: 1 }),
    }),
  },
);

interface Key {
  readonly command: string;
  readonly applied: number;
  readonly result: string;
  /** It has outlived its life at some entry of the log, so it may be forgotten. */
  overdue: boolean;
}

class Oracle {
  list: number[] = [];
  settings: SessionSettings = { keyTtlMs: 90, sessionTtlMs: 90, maxKeys: 3, maxSessions: 3 };
  readonly keys = new Map<string, Key>();
  readonly sessions = new Map<
    number,
    { used: number; lowest: number; dead: boolean; results: Map<number, string> }
  >();

  /** Whoever is too old at any entry of the log is dead from then on. */
  tick(now: number): void {
    for (const one of this.sessions.values()) {
      if (now - one.used > this.settings.sessionTtlMs) one.dead = true;
    }
    for (const one of this.keys.values()) {
      if (now - one.applied > this.settings.keyTtlMs) one.overdue = true;
    }
  }

  get live(): number {
    return [...this.sessions.values()].filter((one) => !one.dead).length;
  }

  /** Fails unless `given` is right. Of a key that is overdue for a short time, both answers are. */
  checkKeyed(id: string, text: number, now: number, given: Applied, table: number): void {
    const key = this.keys.get(id);
    const known = given.status === 'duplicate' || given.status === 'key_reused';
    if (key !== undefined && (known || !key.overdue)) {
      // A generation is at most an eighth of the longest life old when its last key comes.
      expect(now - key.applied).toBeLessThanOrEqual(this.settings.keyTtlMs + LONGEST_TTL_MS / 8);
      expect(given.status).toBe(key.command === String(text) ? 'duplicate' : 'key_reused');
      if (given.status === 'duplicate') expect(String(given.result)).toBe(key.result);
    } else if (table >= this.settings.maxKeys) {
      expect(given.status).toBe('table_full');
      this.keys.delete(id);
    } else {
      expect(given.status).toBe('applied');
      this.list.push(text);
      const result = String(given.result);
      this.keys.set(id, { command: String(text), applied: now, result, overdue: false });
    }
  }

  checkSession(id: number, seq: number, lowest: number, text: number, now: number, given: Applied) {
    const session = this.sessions.get(id);
    if (session === undefined || session.dead) {
      expect(given.status).toBe('session_expired');
      return;
    }
    session.used = now;
    session.lowest = Math.max(session.lowest, lowest);
    const known = session.results.get(seq);
    if (seq < session.lowest) expect(given.status).toBe('session_expired');
    else if (known !== undefined) {
      expect(given.status).toBe('duplicate');
      expect(String(given.result)).toBe(known);
    } else if (seq >= session.lowest + SESSION_WINDOW) expect(given.status).toBe('table_full');
    else {
      expect(given.status).toBe('applied');
      session.results.set(seq, String(given.result));
      this.list.push(text);
    }
  }
}

const appending = (text: number) =>
  encodeCommand({ kind: 'append', key: 'l', value: bytesOf(String(text)) });

/** Runs a log on a machine and checks each answer with the oracle. */
class Run {
  sessions = new Sessions(new KeyValue());
  readonly oracle = new Oracle();
  private readonly opened: number[] = [];
  private index = 0;
  private now = 0;

  constructor() {
    this.apply(encodeSettings(this.oracle.settings));
  }

  private apply(envelope: Uint8Array): Applied {
    return this.sessions.apply(envelope, at(++this.index, this.now));
  }

  step(one: Step): void {
    const { oracle } = this;
    if (one.kind === 'wait') {
      this.now += one.ms;
      return;
    }
    oracle.tick(this.now);
    switch (one.kind) {
      case 'plain':
        expect(this.apply(encodePlain(appending(one.text))).status).toBe('applied');
        oracle.list.push(one.text);
        return;
      case 'open':
        return this.open();
      case 'keyed':
        return this.keyed(`key ${one.which}`, one.text);
      case 'session':
        return this.request(one);
      case 'settings':
        expect(this.apply(encodeSettings(one.settings)).status).toBe('settings');
        oracle.settings = one.settings;
        oracle.tick(this.now);
    }
  }

  private keyed(key: string, text: number): void {
    const given = this.apply(encodeKeyed(key, appending(text)));
    const table = this.sessions.stats().keys - (given.status === 'applied' ? 1 : 0);
    this.oracle.checkKeyed(key, text, this.now, given, table);
  }

  private request({ which, seq, behind, text }: Extract<Step, { kind: 'session' }>): void {
    const session = this.opened.at(-1 - which) ?? 999_999;
    const lowestPending = Math.max(0, seq - behind);
    const given = this.apply(encodeSession({ session, seq, lowestPending }, appending(text)));
    this.oracle.checkSession(session, seq, lowestPending, text, this.now, given);
  }

  private open(): void {
    const room = this.oracle.live < this.oracle.settings.maxSessions;
    const { status } = this.apply(encodeOpenSession());
    expect(status).toBe(room ? 'session_opened' : 'table_full');
    if (!room) return;
    this.opened.push(this.index);
    const session = { used: this.now, lowest: 0, dead: false, results: new Map() };
    this.oracle.sessions.set(this.index, session);
  }

  expectList(): void {
    expect(JSON.parse(this.sessions.query({ key: 'l' }) ?? '[]')).toEqual(this.oracle.list);
  }

  restart(cut: number): void {
    const snapshot = drain(this.sessions.beginSnapshot(), cut);
    this.sessions = load(this.sessions.beginRestore(), snapshot, cut);
    expect(Buffer.from(drain(this.sessions.beginSnapshot())).equals(snapshot)).toBe(true);
  }
}

const steps = fc.array(step, { maxLength: 80, size: 'max' });
const cut = fc.integer({ min: 1, max: 300 });

test('every answer is the one that the whole history asks for', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const run = new Run();
      for (const one of all) run.step(one);
      run.expectList();
    }),
    { numRuns: 400 },
  );
});

test('so it is when the node restarts from a snapshot now and then', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: step }, cut), { maxLength: 80, size: 'max' }),
      (all) => {
        const run = new Run();
        for (const one of all) {
          if (typeof one === 'number') run.restart(one);
          else run.step(one);
        }
        run.expectList();
      },
    ),
    { numRuns: 150 },
  );
});

test('a replica that restarts is equal, byte for byte, to one that does not', () => {
  fc.assert(
    fc.property(steps, steps, cut, (before, after, bytes) => {
      const [steady, restarted] = [new Run(), new Run()];
      for (const one of before) for (const run of [steady, restarted]) run.step(one);
      restarted.restart(bytes);
      for (const one of after) for (const run of [steady, restarted]) run.step(one);
      const [expected, is] = [steady, restarted].map((run) => drain(run.sessions.beginSnapshot()));
      expect(is).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test('a snapshot shows the moment when it began, whatever is applied during the walk', () => {
  fc.assert(
    fc.property(steps, steps, cut, (before, during, bytes) => {
      const run = new Run();
      for (const one of before) run.step(one);
      const expected = drain(run.sessions.beginSnapshot());
      const cursor = run.sessions.beginSnapshot();
      const slices: Uint8Array[] = [];
      for (const one of during) {
        slices.push(cursor.next(bytes) ?? new Uint8Array(0));
        run.step(one);
      }
      slices.push(drain(cursor, bytes));
      expect(Buffer.concat(slices).equals(expected)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('a dead session leaves the table only when its place is needed, and nobody can tell', () => {
  const table = new SessionTable();
  expect(table.open(1, 0, 10, 1)).toBe(true);
  expect(table.open(2, 10, 10, 1)).toBe(false);
  expect(table.get(1, 11, 10)).toBeUndefined();
  expect(table.live(11, 10)).toEqual([]);
  expect(table.open(2, 11, 10, 1)).toBe(true);
  expect(table.live(11, 10).map((session) => session.id)).toEqual([2]);
});
