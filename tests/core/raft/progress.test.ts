/** What a leader knows of a follower, under any order of sending, acknowledging and losing. */

import fc from 'fast-check';
import { logIndex, millis, nodeId, snapshotName, storageId } from '../../../kv/core/ids';
import { Progress } from '../../../kv/core/raft/progress';

const fresh = () => {
  const progress = new Progress(nodeId('n2'), logIndex(1));
  progress.heardWith(storageId(2));
  return progress;
};

type Step =
  | { readonly do: 'send'; readonly entries: number }
  | { readonly do: 'ack' | 'probe'; readonly at: number }
  | { readonly do: 'snapshot' | 'stream' };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('send' as const), entries: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constantFrom('ack' as const, 'probe' as const), at: fc.nat(40) }),
  fc.record({ do: fc.constantFrom('snapshot' as const, 'stream' as const) }),
);

test('match never goes back, next is always above it, and the caps count what is under way', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const progress = fresh();
      progress.stream();
      /** The last index of each message that is under way. */
      let inflight: number[] = [];
      let match = 0;
      for (const each of steps) {
        if (each.do === 'send' && progress.mode.kind === 'stream') {
          const last = progress.next + each.entries - 1;
          progress.sent(logIndex(last), 10, millis(0));
          inflight.push(last);
        } else if (each.do === 'ack') {
          // A follower can acknowledge only what it was sent.
          const at = Math.min(each.at, progress.next - 1);
          progress.acknowledged(logIndex(at), millis(0));
          match = Math.max(match, at);
          inflight = inflight.filter((last) => last > match);
        } else if (each.do === 'probe') {
          progress.probeFrom(logIndex(Math.min(each.at, progress.next)));
          inflight = [];
        } else if (each.do === 'snapshot') {
          progress.sendSnapshot(snapshotName('s'), logIndex(progress.next));
          inflight = [];
        } else if (each.do === 'stream') progress.stream();
        expect(progress.match).toBe(match);
        expect(progress.next).toBeGreaterThan(match);
        // What is not under way will be sent.
        if (progress.mode.kind === 'stream') {
          expect(progress.next).toBe((inflight.at(-1) ?? match) + 1);
        }
        expect(progress.inflightMessages).toBe(inflight.length);
        expect(progress.hasRoom(inflight.length, 1e9)).toBe(false);
        expect(progress.hasRoom(inflight.length + 1, inflight.length * 10 + 1)).toBe(true);
        if (inflight.length > 0) expect(progress.hasRoom(1000, inflight.length * 10)).toBe(false);
      }
    }),
  );
});

test('another disk: nothing that was acknowledged counts any more; the first disk resets nothing', () => {
  const progress = new Progress(nodeId('n2'), logIndex(9));
  progress.acknowledged(logIndex(5), millis(0));
  progress.heardWith(storageId(2));
  expect(progress.match).toBe(5);
  progress.heardWith(storageId(2));
  expect(progress.match).toBe(5);
  progress.heardWith(storageId(3));
  expect([progress.match, progress.mode.kind, progress.storage]).toEqual([0, 'probe', 3]);
});

test('what was sent before the follower showed another disk is sent again, in one step even', () => {
  const progress = fresh();
  progress.stream();
  progress.sent(logIndex(9), 1, millis(0));
  progress.heardWith(storageId(3));
  // A heartbeat that the new disk answered, before any probe has gone out.
  progress.acknowledged(logIndex(4), millis(0));
  progress.stream();
  expect([progress.next, progress.inflightMessages]).toEqual([5, 0]);
});

test('messages that are not acknowledged for long are taken for lost, from the last sign of life on', () => {
  const progress = fresh();
  progress.stream();
  expect(progress.isStuck(millis(1e6), millis(100))).toBe(false);
  progress.sent(logIndex(1), 1, millis(50));
  progress.sent(logIndex(2), 1, millis(120));
  expect(progress.isStuck(millis(149), millis(100))).toBe(false);
  expect(progress.isStuck(millis(150), millis(100))).toBe(true);
  progress.acknowledged(logIndex(1), millis(140));
  expect(progress.isStuck(millis(239), millis(100))).toBe(false);
  expect(progress.isStuck(millis(240), millis(100))).toBe(true);
  progress.acknowledged(logIndex(2), millis(241));
  expect(progress.isStuck(millis(1e6), millis(100))).toBe(false);
});
