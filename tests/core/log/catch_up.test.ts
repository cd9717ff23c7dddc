/** Who is behind is sent what it missed, and those who write meanwhile go first. */

import { journalSequence, millis, type NodeId } from '../../../kv/core/ids';
import { sizeOf } from '../../../kv/core/log/entry';
import { appendOf, Group, S1 as LATE, S2 as LIVE, M } from './support';

const MISSED = 100;
const body = 'x'.repeat(100);
const WINDOW = 2000;
const master = { maxCatchUpBytes: WINDOW, maxBatchMessages: 3 };

/** LATE lacks so many messages, and the disks of all nodes but the master's answer only when told. */
function behind(options: typeof master): Group {
  const group = new Group({ master: options }).start(M, LIVE).settle();
  for (let i = 0; i < MISSED; i++) group.append(body, { w: 1 });
  group.settle();
  group.slow.add(LATE);
  return group.start(LATE).settle();
}

/** Bytes of messages that were sent to LATE and that it has not acknowledged. */
function underWay(group: Group): number {
  const status = group.core(M).status().role;
  const of =
    status.kind === 'master' ? status.secondaries.find(({ id }) => id === LATE) : undefined;
  const { log } = group.core(M).inspect;
  const end = of?.end ?? 0;
  return log.bytesBetween(end, end + (of?.inFlight ?? 0));
}

/** The disk of LATE answers once, and what follows from that happens. */
function turn(group: Group): void {
  group.slow.delete(LATE);
  group.flushSome();
  group.slow.add(LATE);
  group.settle();
}

describe('a secondary that is behind', () => {
  it('has no more on its way to it than the window while nobody writes', () => {
    const group = behind(master);
    turn(group);
    for (let i = 0; i < MISSED && group.core(LATE).status().end < MISSED; i++) {
      expect(underWay(group)).toBeLessThanOrEqual(WINDOW);
      turn(group);
    }
    expect(group.core(LATE).status().end).toBe(MISSED);
  });

  it('is sent one message at least, however small the window', () => {
    const group = behind({ ...master, maxCatchUpBytes: 0 });
    for (let i = 0; i < 2 * MISSED + 10; i++) turn(group);
    expect(group.core(LATE).status().end).toBe(MISSED);
  });

  it('gets nearer to the end however much is written: two bytes more for each new one', () => {
    const group = behind(master);
    turn(group);
    for (
      let i = 0;
      i < 3 * MISSED && group.core(LATE).status().end < group.core(M).status().end;
      i++
    ) {
      const before = underWay(group);
      for (let n = 0; n < 5; n++) group.append(body, { w: 1 });
      group.settle();
      const { log } = group.core(M).inspect;
      const size = sizeOf(log.at(log.end - 1));
      expect(underWay(group)).toBeLessThanOrEqual(Math.max(before, WINDOW) + 10 * size);
      turn(group);
    }
    group.slow.delete(LATE);
    group.settle();
    expect(group.core(LATE).status().end).toBe(group.core(M).status().end);
  });

  it('is sent what it missed after new messages went out and clients were answered', () => {
    const group = behind(master);
    turn(group);
    group.slow.add(M);
    const request = group.append('new', { w: 1 });
    group.slow.delete(LATE);
    group.flushSome();
    const held = group.wire.find(({ from }) => from === LATE);
    if (held === undefined) throw new Error('it has acknowledged nothing');
    const through = journalSequence(group.disks.get(M)?.last ?? 0);
    // Both in one step: its acknowledgement, and that the new message is durable.
    const effects = group.core(M).step(millis(group.now), [
      { kind: 'message', from: LATE, message: held.message },
      { kind: 'persisted', through },
    ]);
    const sentTo = (to: NodeId) =>
      effects.findIndex((effect) => effect.kind === 'send' && effect.to === to);
    const replied = effects.findIndex((effect) => effect.kind === 'reply' && effect.id === request);
    expect(effects[sentTo(LIVE)]).toMatchObject({ message: { kind: 'append' } });
    expect(effects[sentTo(LATE)]).toMatchObject({ message: { kind: 'append' } });
    expect(replied).toBeGreaterThan(sentTo(LIVE));
    expect(sentTo(LATE)).toBeGreaterThan(replied);
  });

  it('has the whole window of live messages again once it lacks nothing', () => {
    const group = behind(master);
    group.slow.delete(LATE);
    group.settle();
    group.slow.add(LATE);
    for (let n = 0; n < MISSED; n++) group.append(body, { w: 1 });
    group.settle();
    expect(underWay(group)).toBeGreaterThan(WINDOW);
    expect(group.answer(M, appendOf('last', { w: 2 }))).toMatchObject({ kind: 'appended' });
  });
});
