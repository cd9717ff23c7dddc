import fc from 'fast-check';
import { InvariantViolation } from '../../../kv/core/assert';
import { DecodeError } from '../../../kv/core/bytes';
import type { Command, CommandResult } from '../../../kv/core/command';
import { decodeResult, encodeCommand } from '../../../kv/core/machine/command_codec';
import { EntryTable } from '../../../kv/core/machine/entry_table';
import { KeyValue } from '../../../kv/core/machine/key_value';
import { bytesOf, damaged, drain, load } from './support';

type Step = Command & { readonly text: string };

const put = (key: string, text: string): Step => ({ kind: 'put', key, text, value: bytesOf(text) });
const append = (key: string, text: string): Step => ({
  kind: 'append',
  key,
  text,
  value: bytesOf(text),
});
const remove = (key: string): Step => ({ kind: 'delete', key, text: '' });

const apply = (machine: KeyValue, step: Command): CommandResult =>
  decodeResult(machine.apply(encodeCommand(step)));

/** The dumb oracle: a map of parsed values, copied whole where a snapshot is taken. */
class Oracle {
  readonly values = new Map<string, unknown>();

  apply(step: Step): CommandResult {
    const { kind, key } = step;
    if (kind === 'delete') return this.values.delete(key) ? 'ok' : 'not_found';
    const value = JSON.parse(Buffer.from(step.text, 'latin1').toString());
    const old = this.values.get(key);
    if (kind === 'put') this.values.set(key, value);
    else if (old === undefined) this.values.set(key, [value]);
    else if (Array.isArray(old)) this.values.set(key, [...old, value]);
    else return 'not_a_list';
    return 'ok';
  }
}

/** Few keys, so that they meet; one of them is no ASCII. */
const KEYS = ['a', 'b', 'c', 'd', 'e', '', 'k/1', Buffer.from('ключ').toString('latin1')];
const TEXTS = ['1', '"x"', '[]', '[ ]', '[\n\t1 , 2 ]', '{"l":[]}', 'null', '"[]"', '[[]]'].concat(
  Buffer.from('"ё\\n€"').toString('latin1'),
  JSON.stringify('long'.repeat(100)),
  `[${JSON.stringify('long'.repeat(6000))}]`,
);
const step: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom(put, append, append, remove), fc.constantFrom(...KEYS))
  .chain(([make, key]) => fc.constantFrom(...TEXTS).map((text) => make(key, text)));

function expectSame(machine: KeyValue, values: Map<string, unknown>): void {
  let bytes = 0;
  for (const key of KEYS) {
    const answer = machine.query({ key });
    bytes += answer === undefined ? 0 : key.length + answer.length;
    const value = answer && JSON.parse(Buffer.from(answer, 'latin1').toString());
    expect(value).toEqual(values.get(key));
  }
  expect(machine.stats()).toEqual({ keys: values.size, bytes });
}

test('what is foretold of a command is what it comes to, in every state', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = new KeyValue(new EntryTable(), 300);
      for (const each of steps) {
        const foretold = machine.foretell(encodeCommand(each));
        expect(foretold === undefined).toBe(each.kind !== 'put');
        const result = machine.apply(encodeCommand(each));
        if (foretold !== undefined) expect(foretold).toEqual(result);
      }
    }),
  );
});

describe('commands', () => {
  test('do what a map of parsed values does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const [machine, oracle] = [new KeyValue(), new Oracle()];
        for (const one of steps) expect(apply(machine, one)).toBe(oracle.apply(one));
        expectSame(machine, oracle.values);
      }),
    );
  });

  test('a value is answered in the very text that was put', () => {
    const machine = new KeyValue();
    apply(machine, put('k', '[\n1 ,2 ]'));
    expect(machine.query({ key: 'k' })).toBe('[\n1 ,2 ]');
    apply(machine, append('k', '{"a": 3}'));
    expect(machine.query({ key: 'k' })).toBe('[\n1 ,2 ,{"a": 3}]');
  });

  test.each(['[]', '[ ]', '[\t\r\n ]'])('the first element of %j has no comma', (empty) => {
    const machine = new KeyValue();
    apply(machine, put('k', empty));
    apply(machine, append('k', '1'));
    expect(JSON.parse(machine.query({ key: 'k' }) as string)).toEqual([1]);
    apply(machine, append('k', '2'));
    expect(JSON.parse(machine.query({ key: 'k' }) as string)).toEqual([1, 2]);
  });

  test('bytes that only begin like a list are no list', () => {
    const machine = new KeyValue();
    for (const text of ['[', '[1', ']', '[1}']) {
      apply(machine, put('k', text));
      expect(apply(machine, append('k', '1'))).toBe('not_a_list');
      expect(machine.query({ key: 'k' })).toBe(text);
    }
  });

  test('a list grows to the very limit and not past it', () => {
    const machine = new KeyValue(new EntryTable(), 10);
    expect(apply(machine, append('k', '1234'))).toBe('ok');
    expect(apply(machine, append('k', '5678'))).toBe('too_large');
    expect(apply(machine, append('k', '567'))).toBe('ok');
    expect(machine.query({ key: 'k' })).toBe('[1234,567]');
    expect(apply(machine, append('k', '1'))).toBe('too_large');
    expect(apply(machine, append('new', '123456789'))).toBe('too_large');
    expect(apply(machine, put('new', '12345678901'))).toBe('too_large');
    expect(machine.stats()).toEqual({ keys: 1, bytes: 11 });
  });

  test('a long list is the same as one built by an array', () => {
    const machine = new KeyValue();
    const elements: string[] = [];
    for (let i = 0; i < 50_000; i++) {
      const element = i % 1000 === 0 ? JSON.stringify('x'.repeat(i)) : String(i);
      elements.push(element);
      apply(machine, append('k', element));
    }
    expect(machine.query({ key: 'k' })).toBe(`[${elements.join(',')}]`);
  });

  test('a command that cannot be read stops the node', () => {
    const bytes = encodeCommand(put('k', '1'));
    for (const wrong of [
      [2, 1],
      [1, 4],
      [1, 0],
    ]) {
      const newer = Uint8Array.of(...wrong, ...bytes.subarray(2));
      expect(() => new KeyValue().apply(newer)).toThrow(InvariantViolation);
    }
    expect(() => new KeyValue().apply(bytes.subarray(0, 3))).toThrow(InvariantViolation);
  });
});

describe('snapshots', () => {
  const size = fc.integer({ min: 1, max: 200 });

  test('show the moment when they began, whatever is applied during the walk', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.array(fc.oneof(step, size), { maxLength: 60, size: 'max' }),
        size,
        (before, during, rest) => {
          const [machine, oracle] = [new KeyValue(), new Oracle()];
          for (const one of before) expect(apply(machine, one)).toBe(oracle.apply(one));
          const then = structuredClone(oracle.values);
          const parts: Uint8Array[] = [];
          const cursor = machine.beginSnapshot();
          for (const one of during) {
            if (typeof one === 'number') parts.push(cursor.next(one) ?? new Uint8Array(0));
            else expect(apply(machine, one)).toBe(oracle.apply(one));
          }
          const snapshot = Buffer.concat([...parts, drain(cursor, rest * 50)]);
          expectSame(load(machine.beginRestore(), snapshot, rest), then);
          expectSame(machine, oracle.values);
          expectSame(
            load(machine.beginRestore(), drain(machine.beginSnapshot()), 1e6),
            oracle.values,
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('writes everywhere, before and behind the walk, do not show in it', () => {
    const machine = new KeyValue();
    for (let i = 0; i < 3000; i++) apply(machine, append(`k${i}`, String(i)));
    const expected = drain(machine.beginSnapshot());
    const cursor = machine.beginSnapshot();
    const parts: Uint8Array[] = [];
    for (let round = 0; round < 3000; round++) {
      const slice = cursor.next(29);
      if (slice !== undefined) parts.push(slice);
      const i = (round * 7) % 3000;
      if (round % 3 === 0) apply(machine, remove(`k${i}`));
      if (round % 3 === 1) apply(machine, append(`k${i}`, '0'));
      if (round % 6 === 3) apply(machine, put(`k${i}`, '"anew"'));
      apply(machine, put(`new${round}`, '1'));
    }
    parts.push(drain(cursor));
    expect(Buffer.concat(parts).equals(expected)).toBe(true);
    expect(Buffer.from(drain(machine.beginSnapshot())).equals(expected)).toBe(false);
  });

  test('equal states have equal bytes, whatever their histories and cuts', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), size, (steps, bytes) => {
        const machine = new KeyValue();
        for (const one of steps) apply(machine, one);
        const snapshot = drain(machine.beginSnapshot(), bytes);
        const other = new KeyValue();
        for (const key of [...KEYS].reverse()) {
          const text = machine.query({ key });
          apply(other, put(key, '0'));
          apply(other, text === undefined ? remove(key) : put(key, text));
        }
        expect(Buffer.from(drain(other.beginSnapshot())).equals(snapshot)).toBe(true);
        const restored = load(machine.beginRestore(), snapshot, bytes);
        expect(Buffer.from(drain(restored.beginSnapshot())).equals(snapshot)).toBe(true);
      }),
    );
  });

  test('a list goes on growing where its snapshot ended', () => {
    const machine = new KeyValue();
    for (let i = 0; i < 20_000; i++) apply(machine, append('k', String(i)));
    const restored = load(machine.beginRestore(), drain(machine.beginSnapshot()), 777);
    for (const one of [machine, restored]) apply(one, append('k', '"last"'));
    expect(restored.query({ key: 'k' })).toBe(machine.query({ key: 'k' }));
    expect(restored.stats()).toEqual(machine.stats());
  });

  test('one walk at a time; a released one makes room and gives no more', () => {
    const machine = new KeyValue();
    apply(machine, put('k', '1'));
    const first = machine.beginSnapshot();
    expect(() => machine.beginSnapshot()).toThrow(InvariantViolation);
    first.next(1);
    first.release();
    expect(first.next(1)).toBeUndefined();
    const second = machine.beginSnapshot();
    first.release();
    expect(() => machine.beginSnapshot()).toThrow(InvariantViolation);
    drain(second);
    expect(drain(machine.beginSnapshot()).length).toBeGreaterThan(0);
  });

  test('damaged bytes are refused or another state that is whole', () => {
    const machine = new KeyValue();
    for (const key of ['a', 'bb', 'ccc']) apply(machine, put(key, '[1]'));
    let refused = 0;
    for (const bytes of damaged(drain(machine.beginSnapshot()))) {
      try {
        const restored = load(machine.beginRestore(), bytes, 5);
        expect(drain(restored.beginSnapshot())).toHaveLength(bytes.length);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  test('an entry that is there twice is refused, whatever the count', () => {
    const entry = [4, 0, 0, 0, 1, 0, 0x6b, 0x31];
    for (const [count, times] of [
      [1, 2],
      [2, 2],
      [1, 0],
      [0, 1],
    ] as const) {
      const bytes = [7, 0, 0, 0, 1, count, 0, 0, 0, 0, 0].concat(...Array(times).fill(entry));
      const loading = () => load(new KeyValue().beginRestore(), Uint8Array.from(bytes), 3);
      expect(loading).toThrow(DecodeError);
    }
    const whole = Uint8Array.from([7, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, ...entry]);
    expect(load(new KeyValue().beginRestore(), whole, 3).query({ key: 'k' })).toBe('1');
  });

  test('a record that claims gigabytes is refused before any memory is taken for it', () => {
    const loader = new KeyValue().beginRestore();
    expect(() => loader.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toThrow(DecodeError);
  });

  test('a large value in tiny slices is loaded in linear time', () => {
    // 16 MiB in 64-byte slices: a loader that copied what it has at each would move 2 TiB.
    const machine = new KeyValue();
    const value = `"${'v'.repeat(16 * 1024 * 1024)}"`;
    apply(machine, put('k', value));
    const restored = load(machine.beginRestore(), drain(machine.beginSnapshot(), 1 << 20), 64);
    expect(restored.query({ key: 'k' }) === value).toBe(true);
  });
});
