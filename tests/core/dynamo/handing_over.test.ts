/** What is handed over, so that all homes of a key end equal. */

import { millis, type NodeId } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const NEVER = millis(1e9);

test('who loses its share of a key gives it to all homes, also where it has a hint for one of them', () => {
  // Who of the first three is no home any more once there are four.
  const four = new DynamoGroup(4);
  const fourth = four.id(4);
  const isLeftOut = (key: string): boolean => four.others(key)[0] !== fourth;
  const key = Array.from({ length: 100 }, (_, i) => `key ${i}`).find(isLeftOut) as string;
  const [loser] = four.others(key) as [NodeId];
  // There is room for the hint for one of the two others; nobody compares.
  const group = new DynamoGroup(3, { antiEntropyMs: NEVER, maxHints: 1 });
  group.isolate(loser);
  group.put(loser, key, 'text', 1);
  group.run(2000);
  const others = group.ids.filter((id) => id !== loser);
  const { deliveries } = group.core(loser).inspect;
  const [hinted, unhinted] = others.toSorted(
    (one, other) => deliveries.owedTo(other).size - deliveries.owedTo(one).size,
  ) as [NodeId, NodeId];
  expect(deliveries.owedTo(hinted).get(key)).toBe('hint');
  expect(deliveries.owedTo(unhinted).size).toBe(0);
  group.heal();
  group.partition([loser], [hinted]);
  group.add(4, unhinted);
  group.run(20_000);
  expect(group.homes(key)).not.toContain(loser);
  group.heal();
  group.run(20_000);
  const held = (id: NodeId): number => group.core(id).inspect.store.versionsOf(key).length;
  expect([hinted, unhinted, fourth].map(held)).toEqual([1, 1, 1]);
  expect(held(loser)).toBe(0);
});
