import fc from 'fast-check';
import { type RequestId, requestId } from '../../kv/core/ids';
import { RequestTable } from '../../kv/core/request_table';

/** Ids that share their last bits, and some that do not, so that they get into each other's way. */
const ids = fc
  .oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 0, max: 5 }).map((n) => 64 * n + 7),
    fc.integer({ min: 0, max: 20 }).map((n) => 64 * n + 9),
  )
  .map(requestId);
const change = fc.record({ id: ids, remove: fc.boolean() });

test('it is a map, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
      const table = new RequestTable<number>();
      const map = new Map<RequestId, number>();
      for (const [n, { id, remove }] of changes.entries()) {
        if (remove) expect(table.delete(id)).toBe(map.delete(id));
        else {
          table.set(id, n);
          map.set(id, n);
        }
        expect(table.size).toBe(map.size);
        expect(table.get(id)).toBe(map.get(id));
      }
      for (const { id } of changes) {
        expect(table.get(id)).toBe(map.get(id));
        expect(table.has(id)).toBe(map.has(id));
      }
      const inOrder = [...map].sort(([one], [other]) => one - other).map(([, value]) => value);
      expect(table.takeAll()).toEqual(inOrder);
      expect(table.size).toBe(0);
      for (const { id } of changes) expect(table.has(id)).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test('who was displaced and is set again when the place is free is there once', () => {
  const table = new RequestTable<string>();
  const [first, displaced] = [requestId(7), requestId(64 + 7)];
  table.set(first, 'first');
  table.set(displaced, 'before');
  expect(table.delete(first)).toBe(true);
  table.set(displaced, 'after');
  expect([table.get(displaced), table.size]).toEqual(['after', 1]);
  expect([table.delete(displaced), table.delete(displaced)]).toEqual([true, false]);
});

test('ids beyond 32 bits are told apart', () => {
  const table = new RequestTable<string>();
  const far = requestId(2 ** 40 + 1);
  table.set(requestId(1), 'near');
  table.set(far, 'far');
  expect([table.get(requestId(1)), table.get(far)]).toEqual(['near', 'far']);
  expect(table.delete(requestId(1))).toBe(true);
  expect(table.get(far)).toBe('far');
  expect(table.get(requestId(2 ** 41 + 1))).toBeUndefined();
});

test('thousands come and go one after the other, and some stay', () => {
  const table = new RequestTable<number>();
  const stays = (n: number): boolean => n % 100 === 0;
  for (let n = 1; n <= 20_000; n++) {
    table.set(requestId(n), n);
    if (n > 64 && !stays(n - 64)) expect(table.delete(requestId(n - 64))).toBe(true);
  }
  for (let n = 1; n <= 20_000; n++) {
    const is = n > 20_000 - 64 || stays(n);
    expect(table.get(requestId(n))).toBe(is ? n : undefined);
  }
  expect(table.size).toBe(64 + 199);
});
