import { InvariantViolation } from '../../kv/core/assert';
import {
  journalSequence,
  logIndex,
  NEVER,
  nodeId,
  requestId,
  storageId,
  term,
} from '../../kv/core/ids';

const COUNTS = { term, logIndex, requestId, journalSequence, storageId };

test.each(Object.entries(COUNTS))('%s takes whole numbers and leaves them as they are', (_, of) => {
  for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) expect(of(value)).toBe(value);
  for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => of(value)).toThrow(InvariantViolation);
  }
});

test('a node has a name', () => {
  expect(nodeId('127.0.0.1:6000')).toBe('127.0.0.1:6000');
  expect(() => nodeId('')).toThrow(InvariantViolation);
});

test('never is later than any moment', () => {
  expect(NEVER).toBeGreaterThan(Number.MAX_VALUE);
});
