/** The figures of the convergent system, in small; `npm run sim:figures` has them in full. */

import { afterPartition, underLoss } from '../../kv/sim/convergent/figures';

test('after a partition what is different travels, however much is equal', () => {
  const [small, large] = [afterPartition(500, 20), afterPartition(5000, 20)];
  expect(large.stateBytes).toBeGreaterThan(9 * small.stateBytes);
  expect(large.bytes).toBeLessThan(1.2 * small.bytes);
  expect(large.bytes).toBeLessThan(large.stateBytes / 100);
});

test('under losses replicas end equal, and losses cost few messages beside the pushes', () => {
  const { byKind, messages } = underLoss(4, 300, 20);
  expect(byKind.push).toBe(3 * 300);
  expect(messages).toBeLessThan(2 * 3 * 300);
});
