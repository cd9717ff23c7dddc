/** The moments of requests against a dumb list, while most requests are answered before theirs. */

import { millis, NEVER, type RequestId, requestId } from '../../../kv/core/ids';
import { Prng } from '../../../kv/core/prng';
import { Deadlines } from '../../../kv/core/raft/deadlines';

const BUCKET_MS = 32;
const LEAST_TO_SWEEP = 4096;

/** The moment at which a deadline is noticed. */
const noticed = (at: number): number => Math.ceil(at / BUCKET_MS) * BUCKET_MS;

test.each([
  [0, 1],
  [1, 2],
  [9, 10],
  [1, 1],
])('%d of %d requests answered early: the others are due once, in time, in order', (part, of) => {
  const prng = new Prng(part * 100 + of, 'deadlines');
  const open = new Set<RequestId>();
  const deadlines = new Deadlines((id) => open.has(id));
  let dumb: { readonly id: RequestId; readonly at: number }[] = [];
  let now = 0;
  let mostOpen = 0;
  for (let n = 1; n <= 30_000; n++) {
    const id = requestId(n);
    open.add(id);
    for (let i = prng.between(1, 2); i > 0; i--) {
      const at = now + prng.between(0, 3000);
      deadlines.add(id, millis(at));
      dumb.push({ id, at: noticed(at) });
    }
    if (prng.between(1, of) <= part) open.delete(requestId(prng.between(Math.max(1, n - 500), n)));
    mostOpen = Math.max(mostOpen, open.size);
    expect(deadlines.size).toBeLessThanOrEqual(Math.max(LEAST_TO_SWEEP, 2 * 2 * mostOpen) + 2);
    if (n % 100 !== 0) continue;
    const before = deadlines.size;
    now += prng.between(0, 40);
    const due = deadlines.due(millis(now));
    expect(deadlines.size).toBe(before - due.length);
    const passed = dumb.filter(({ at }) => at <= now).sort((x, y) => x.at - y.at);
    expect(due.filter((each) => open.has(each))).toEqual(
      passed.map((each) => each.id).filter((each) => open.has(each)),
    );
    // What is answered may be given or not, but never before its moment.
    expect(new Set(passed.map((each) => each.id))).toEqual(
      new Set([...passed.map((each) => each.id), ...due]),
    );
    dumb = dumb.filter(({ at }) => at > now);
    expect(deadlines.next).toBeGreaterThan(now);
    const first = dumb.filter((each) => open.has(each.id)).map(({ at }) => at);
    expect(deadlines.next).toBeLessThanOrEqual(Math.min(NEVER, ...first));
  }
});

test('a million answered requests with one and the same moment cost neither memory nor the stack', () => {
  const open = new Set<RequestId>();
  const deadlines = new Deadlines((id) => open.has(id));
  const patient = requestId(1);
  open.add(patient);
  deadlines.add(patient, millis(5000));
  for (let n = 2; n <= 1_000_000; n++) {
    const id = requestId(n);
    open.add(id);
    deadlines.add(id, millis(5000));
    open.delete(id);
  }
  expect(deadlines.size).toBeLessThanOrEqual(LEAST_TO_SWEEP);
  expect(deadlines.due(millis(4999))).toEqual([]);
  expect(deadlines.due(millis(noticed(5000)))[0]).toBe(patient);
  expect([deadlines.size, deadlines.next]).toEqual([0, NEVER]);
});

test('two hundred thousand open requests with one moment are all due', () => {
  const deadlines = new Deadlines(() => true);
  for (let n = 1; n <= 200_000; n++) deadlines.add(requestId(n), millis(64));
  expect(deadlines.next).toBe(64);
  expect(deadlines.due(millis(64))).toHaveLength(200_000);
});
