/** What the replicated log must do, message by message: the scenarios, and the rules one by one. */

import { millis } from '../../../kv/core/ids';
import { Group, M, replicateOf, S1, S2 } from './support';

describe('the acceptance scenario', () => {
  it('answers w=1 and w=2 while w=3 waits, and all once the second secondary starts', () => {
    const group = new Group().start(M, S1).settle();
    const first = group.append('Msg1', { w: 1 });
    const second = group.append('Msg2', { w: 2 });
    const third = group.append('Msg3', { w: 3 });
    const fourth = group.append('Msg4', { w: 1 });
    group.pass(10_000);
    expect(group.replies.get(first)).toMatchObject({ kind: 'appended', order: 0, isNew: true });
    expect(group.replies.get(second)).toMatchObject({ kind: 'appended', order: 1, copies: 2 });
    expect(group.replies.get(fourth)).toMatchObject({ kind: 'appended', order: 3 });
    expect(group.replies.has(third)).toBe(false);
    group.start(S2).settle();
    expect(group.replies.get(third)).toMatchObject({ kind: 'appended', order: 2, copies: 3 });
    expect(group.shown(S2)).toEqual(['Msg1', 'Msg2', 'Msg3', 'Msg4']);
  });
});

describe('a message from outside', () => {
  it('is held back behind a gap, and shown once the gap is filled', () => {
    const group = new Group().start(S1).settle();
    expect(group.answer(S1, replicateOf(0, 'a', 'A'))).toEqual({ kind: 'replicated', as: 'new' });
    group.answer(S1, replicateOf(1, 'b', 'B'));
    expect(group.answer(S1, replicateOf(3, 'd', 'D'))).toMatchObject({ as: 'buffered' });
    expect(group.shown(S1)).toEqual(['A', 'B']);
    expect(group.answer(S1, replicateOf(2, 'c', 'C'))).toMatchObject({ as: 'new' });
    expect(group.shown(S1)).toEqual(['A', 'B', 'C', 'D']);
  });
});

describe('timeout_ms', () => {
  it('says how many copies are known, and the message stays', () => {
    const group = new Group().start(M, S1).settle();
    const asked = group.append('Msg1', { w: 3, deadline: millis(group.now + 500) });
    group.pass(600);
    expect(group.replies.get(asked)).toMatchObject({ kind: 'late', copies: 2, w: 3, order: 0 });
    group.start(S2).settle();
    expect(group.shown(S2)).toEqual(['Msg1']);
  });
});

describe('a client that goes away', () => {
  it('is waited for no longer; its message stays, and others wait on', () => {
    const group = new Group({ master: { maxWaiting: 2 } }).start(M, S1).settle();
    const gone = group.append('Msg1', { w: 3 });
    const stays = group.append('Msg2', { w: 3 });
    group.settle();
    expect(group.answer(M, { kind: 'give_up', append: gone })).toEqual({ kind: 'given_up' });
    expect(group.replies.get(gone)).toMatchObject({ kind: 'late', copies: 2, w: 3, order: 0 });
    expect(group.replies.has(stays)).toBe(false);
    expect(group.answer(M, { kind: 'give_up', append: gone })).toEqual({ kind: 'given_up' });
    const third = group.append('Msg3', { w: 3 });
    group.start(S2).settle();
    expect(group.replies.get(stays)).toMatchObject({ kind: 'appended', order: 1 });
    expect(group.replies.get(third)).toMatchObject({ kind: 'appended', order: 2 });
    expect(group.shown(S2)).toEqual(['Msg1', 'Msg2', 'Msg3']);
  });
});
