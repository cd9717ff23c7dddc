/** A node that lost its disk joins the group that remembers it. */

import { decodeRecord } from '../../../kv/core/dynamo/journal';
import type { NodeId } from '../../../kv/core/dynamo/library';
import { DynamoGroup } from '../../support/dynamo_group';

test.each(['member', 'left'] as const)(
  'whatever a crash keeps of its journal, who was %s and joins with another disk never reads that it is so',
  (before) => {
    const group = new DynamoGroup(3);
    const [seed, other, node] = group.ids as [NodeId, NodeId, NodeId];
    for (let i = 0; i < 50; i++) group.put(seed, `key ${i}`, 'text', 3);
    const standsFor = (id: NodeId) => group.core(id).inspect.table.find(node)?.standing;
    if (before !== 'member') group.admin(node, { kind: 'leave' });
    group.run(20_000);
    expect(standsFor(seed)).toBe(before);
    group.crash(node);
    group.run(1000);
    group.add(3, seed);
    group.run(60_000);
    const standings = group.recordsOf(node).flatMap((record) => {
      const decoded = decodeRecord(record);
      const members = decoded.kind === 'members' ? decoded.members : [];
      return members.flatMap(({ id, standing }) => (id === node ? [standing] : []));
    });
    // It collects what belongs to it, and only then is a member.
    const joined = standings.lastIndexOf('joining') + 1;
    expect(new Set(standings.slice(0, joined))).toEqual(new Set(['joining']));
    expect(new Set(standings.slice(joined))).toEqual(new Set(['member']));
    expect([standsFor(seed), standsFor(other), standsFor(node)]).toEqual([
      'member',
      'member',
      'member',
    ]);
    expect(group.core(node).status().keys).toBe(50);
  },
);
