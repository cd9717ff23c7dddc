/**
 * A data folder that was set back to an older copy: its node gives out dots a second time. It stops
 * as soon as it meets one, and takes nobody down with it.
 */

import type { NodeId } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const KEY = 'some key';
const ADVICE = /older copy: move it away/;

/** The first of three, restarted from what it had before `KEY` was written through it. */
function setBack(): { group: DynamoGroup; node: NodeId; others: NodeId[]; metadata: string } {
  const group = new DynamoGroup(3);
  const [node, ...others] = group.ids as [NodeId, ...NodeId[]];
  group.put(node, 'another key', 'before', 3);
  const copy = [...group.recordsOf(node)];
  group.crash(node);
  group.restart(node);
  group.run(50);
  const metadata = group.put(node, KEY, 'first', 3);
  group.crash(node);
  group.setBack(node, copy);
  group.restart(node);
  group.run(50);
  return { group, node, others, metadata };
}

/** The others go on without it, and it comes back with an empty folder. */
function goesOn(group: DynamoGroup, node: NodeId, others: readonly NodeId[]): void {
  group.crash(node);
  group.run(1000);
  for (const id of others) expect(group.get(id, KEY, 2).values).toEqual(['first']);
  group.put(others[0] as NodeId, 'a third key', 'x', 2);
  group.add(Number(node.slice(-1)), others[0] as NodeId);
  group.run(60_000);
  expect(group.get(node, KEY, 1).values).toEqual(['first']);
  expect(group.core(node).status()).toMatchObject({ standing: 'member', keys: 3 });
}

test('a write that gets a dot which others have for another value is not acknowledged by them', () => {
  const { group, node, others } = setBack();
  expect(() => group.put(node, KEY, 'second', 2)).toThrow(ADVICE);
  goesOn(group, node, others);
});

test('it stops when a read shows it what it has forgotten', () => {
  const { group, node, others } = setBack();
  expect(() => group.get(node, KEY, 3)).toThrow(ADVICE);
  goesOn(group, node, others);
});

test('it stops when somebody gives it what it has forgotten', () => {
  const { group, node, others } = setBack();
  expect(() => group.run(120_000)).toThrow(ADVICE);
  goesOn(group, node, others);
});

test('it stops when it hears of a version whose writer had seen what it has forgotten', () => {
  const { group, node, others, metadata } = setBack();
  expect(() => group.put(others[0] as NodeId, KEY, 'later', 3, metadata)).toThrow(ADVICE);
  group.crash(node);
  group.run(1000);
  for (const id of others) expect(group.get(id, KEY, 2).values).toEqual(['later']);
});
