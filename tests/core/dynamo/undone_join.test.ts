/** Who asks to be let in and is not answered may be told that it need not be. */

import type { NodeId } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

const standings = (group: DynamoGroup): string[] =>
  group.ids.map((id) => group.core(id).status().standing);

describe('who waits to be let in', () => {
  const nobody = (group: DynamoGroup): NodeId => group.id(9);

  test.each(['leave', 'join itself'] as const)(
    'is what it was before, with its data: %s',
    (how) => {
      const group = new DynamoGroup(1);
      const [id] = group.ids as [NodeId];
      group.put(id, 'key', 'text', 1);
      expect(group.admin(id, { kind: 'join', seed: nobody(group) })).toEqual({ kind: 'accepted' });
      group.run(2000);
      // The wish is durable, and so is what was before.
      group.crash(id);
      group.restart(id);
      group.run(2000);
      expect(standings(group)).toEqual(['waiting']);
      const undo =
        how === 'leave' ? ({ kind: 'leave' } as const) : ({ kind: 'join', seed: id } as const);
      expect(group.admin(id, undo)).toEqual({ kind: 'accepted' });
      expect(group.get(id, 'key', 1).values).toEqual(['text']);
      group.run(2000);
      group.crash(id);
      group.restart(id);
      group.run(2000);
      expect(standings(group)).toEqual(['member']);
      expect(group.get(id, 'key', 1).values).toEqual(['text']);
      expect(group.core(id).inspect.group).toBe(1);
    },
  );

  test('has left what it had left, or is in no group, if it was', () => {
    const group = new DynamoGroup(2);
    const [one, two] = group.ids as [NodeId, NodeId];
    group.admin(two, { kind: 'leave' });
    group.run(5000);
    group.admin(two, { kind: 'join', seed: nobody(group) });
    group.admin(two, { kind: 'join', seed: group.id(8) });
    const three = group.add(3, nobody(group));
    group.run(100);
    expect(standings(group)).toEqual(['member', 'waiting', 'waiting']);
    for (const id of [two, three])
      expect(group.admin(id, { kind: 'leave' })).toEqual({ kind: 'accepted' });
    expect(standings(group)).toEqual(['member', 'left', 'none']);
    for (const id of [two, three]) group.admin(id, { kind: 'join', seed: one });
    group.run(20_000);
    expect(standings(group)).toEqual(['member', 'member', 'member']);
  });

  test('two who were told to join each other both wait, until one of them is told to leave it', () => {
    const group = new DynamoGroup(1);
    const one = group.ids[0] as NodeId;
    const two = group.add(2, one, { founders: [{ id: group.id(2), name: 'node02' }], group: 7 });
    group.put(one, 'of one', 'a', 1);
    group.put(two, 'of two', 'b', 1);
    group.slowLink(one, two, 20);
    group.slowLink(two, one, 20);
    group.admin(one, { kind: 'join', seed: two });
    group.admin(two, { kind: 'join', seed: one });
    group.run(20_000);
    expect(standings(group)).toEqual(['waiting', 'waiting']);
    group.admin(two, { kind: 'leave' });
    group.run(20_000);
    expect(standings(group)).toEqual(['member', 'member']);
    for (const id of [one, two]) {
      expect(group.get(id, 'of one', 2).values).toEqual(['a']);
      expect(group.get(id, 'of two', 2).values).toEqual(['b']);
    }
  });
});
