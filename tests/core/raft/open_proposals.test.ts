/** The line of open proposals against a map. */

import fc from 'fast-check';
import { logIndex } from '../../../kv/core/ids';
import type { Origin } from '../../../kv/core/raft/leadership';
import { OpenProposals } from '../../../kv/core/raft/open_proposals';

/** So many entries are proposed, of which `skip` in front belong to nobody; then so many applied. */
const round = fc.record({ skip: fc.nat(3), propose: fc.nat(900), apply: fc.nat(1200) });

test('they agree with a map, however far applying is behind', () => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 12 }), (rounds) => {
      const proposals = new OpenProposals();
      const dumb = new Map<number, Origin>();
      let [last, applied] = [5, 5];
      for (const { skip, propose, apply } of rounds) {
        last += skip;
        for (let i = 0; i < propose; i++) {
          const origin: Origin = { kind: 'client', id: ++last };
          proposals.set(logIndex(last), origin);
          dumb.set(last, origin);
        }
        for (let i = 0; i < apply && applied < last; i++) {
          applied++;
          if (proposals.take(logIndex(applied)) !== dumb.get(applied)) throw new Error('another');
          dumb.delete(applied);
        }
        expect(proposals.size).toBe(dumb.size);
        expect([...proposals.open()]).toEqual([...dumb]);
      }
    }),
  );
});

/** Nothing else tells that memory is given back. */
const placesOf = (proposals: OpenProposals): number =>
  (Reflect.get(proposals, 'origins') as unknown[]).length;

test('places that nobody needs any more are given back, also while others wait', () => {
  const proposals = new OpenProposals();
  for (let i = 1; i <= 100_000; i++) {
    proposals.set(logIndex(i), { kind: 'client', id: i });
    if (i > 100) proposals.take(logIndex(i - 100));
    expect(placesOf(proposals)).toBeLessThan(2500);
  }
});
