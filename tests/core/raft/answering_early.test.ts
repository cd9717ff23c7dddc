/** A leader answers a committed write whose result is known beforehand, and applies it after (`apply.ts`). */

import type { Command } from '../../../kv/core/command';
import { type Millis, millis, requestId, storageId } from '../../../kv/core/ids';
import { encodeCommand } from '../../../kv/core/machine/command_codec';
import type { RaftMessage } from '../../../kv/core/raft/messages';
import type { RaftOptions } from '../../../kv/core/raft/options';
import type { RaftEvent } from '../../support/raft_disk';
import { accepted, heartbeat, id, Solo } from './solo';

const VALUE = Uint8Array.of(0x31);
const PUT: Command = { kind: 'put', key: 'k', value: VALUE };
const APPEND: Command = { kind: 'append', key: 'list', value: VALUE };
const DELETE: Command = { kind: 'delete', key: 'k' };

/** The leader of three nodes, which has committed and applied the start of its term. */
function leader(options: Partial<RaftOptions> = {}): Solo {
  const solo = new Solo({ log: [1, 1], term: 1, options }).becomeLeader();
  solo.receive(2, accepted(2, 3, 2));
  expect([solo.raft.commit, solo.raft.applied]).toEqual([3, 3]);
  return solo;
}

let lastRequest = 100;

function request(solo: Solo, asked: object): RaftEvent {
  const deadline = millis(solo.now + 5000);
  return {
    kind: 'request',
    id: requestId(++lastRequest),
    request: { ...asked, deadline } as never,
  };
}

const write = (solo: Solo, command: Command, idempotencyKey?: string): RaftEvent =>
  request(solo, { kind: 'write', command: encodeCommand(command), idempotencyKey });

const read = (solo: Solo, level: string, maxStaleness?: Millis): RaftEvent =>
  request(solo, { kind: 'read', level, query: { key: 'k' }, maxStaleness });

const heard = (from: number, message: RaftMessage): RaftEvent => {
  return { kind: 'message', from: id(from), message };
};

/** One step and nothing after it; returns the answers in it. */
function oneStep(solo: Solo, ...events: RaftEvent[]) {
  const effects = solo.core.step(millis(solo.now), events as never);
  return effects.flatMap((effect) => (effect.kind === 'reply' ? [effect] : []));
}

/** The writes come in one step, are written, and are committed in the step whose answers it returns. */
function committed(solo: Solo, ...writes: RaftEvent[]) {
  const { lastIndex } = solo.raft.log;
  solo.step(...writes);
  return oneStep(solo, heard(2, accepted(2, lastIndex + writes.length, 2)));
}

test('a put is answered in the step that commits it, and applied in the next, which is wanted at once', () => {
  const solo = leader();
  const answers = committed(solo, write(solo, PUT), write(solo, PUT));
  expect(answers.map(({ reply }) => reply)).toMatchObject([
    { kind: 'written', result: Uint8Array.of(0), served: { index: 4 } },
    { kind: 'written', result: Uint8Array.of(0), served: { index: 5 } },
  ]);
  expect([solo.raft.commit, solo.raft.applied, solo.core.wakeAt]).toEqual([5, 3, solo.now]);
  expect(oneStep(solo, { kind: 'wake' })).toEqual([]);
  expect(solo.raft.applied).toBe(5);
});

test('fewer entries than are told are applied at once, which takes less time than a step', () => {
  const solo = leader({ applyLaterEntries: 2 });
  expect(committed(solo, write(solo, PUT)).length).toBe(1);
  expect(solo.raft.applied).toBe(4);
  expect(committed(solo, write(solo, PUT), write(solo, PUT)).length).toBe(2);
  expect([solo.raft.commit, solo.raft.applied]).toEqual([6, 4]);
});

test.each([
  ['an append', APPEND, undefined],
  ['a delete', DELETE, undefined],
  ['a put with an idempotency key', PUT, 'key'],
])('%s is answered when it is applied, which is at once', (_, command, idempotencyKey) => {
  const solo = leader();
  expect(committed(solo, write(solo, command, idempotencyKey)).length).toBe(1);
  expect(solo.raft.applied).toBe(4);
});

test('answers come in the order of the log, also where only some are known beforehand', () => {
  const solo = leader();
  const writes = [PUT, APPEND, PUT, DELETE, PUT].map((command) => write(solo, command));
  const answers = committed(solo, ...writes);
  expect(answers.map((answer) => answer.id)).toEqual(
    writes.map((event) => event.kind === 'request' && event.id),
  );
  expect(solo.raft.applied).toBe(8);
});

test('a leader that always has something else to do applies in the third step', () => {
  const solo = leader();
  const seen: number[] = [];
  oneStep(solo, write(solo, PUT));
  for (let index = 4; index < 10; index++) {
    const acknowledged = [2, 3].map((from) => heard(from, accepted(2, index, from)));
    const answers = oneStep(solo, ...acknowledged, write(solo, PUT));
    expect(answers.length).toBe(1);
    seen.push(solo.raft.applied);
  }
  expect(seen).toEqual([3, 3, 6, 6, 6, 9]);
});

describe('whoever reads sees what was answered', () => {
  test.each([
    ['stale', undefined],
    ['stale', millis(50)],
    ['lease', undefined],
  ])('%s, no older than %s ms', (level, maxStaleness) => {
    const solo = leader();
    if (level === 'lease') {
      solo.step(read(solo, level));
      solo.receive(2, answerToRound(solo));
      expect(solo.effects.at(-1)).toMatchObject({ kind: 'reply', reply: { kind: 'answer' } });
    }
    expect(committed(solo, write(solo, PUT)).length).toBe(1);
    expect(solo.raft.applied).toBe(3);
    const [answer] = oneStep(solo, read(solo, level, maxStaleness));
    expect(answer?.reply).toMatchObject({ kind: 'answer', answer: '1', served: { index: 4 } });
  });

  test('linearizable: while reads wait, nothing is put off', () => {
    const solo = leader();
    solo.step(read(solo, 'linearizable'));
    expect(committed(solo, write(solo, PUT)).length).toBe(1);
    expect(solo.raft.applied).toBe(4);
  });
});

test('a leadership that ends in between changes nothing: it is applied, and answered once', () => {
  const solo = leader();
  expect(committed(solo, write(solo, PUT)).length).toBe(1);
  const answers = oneStep(solo, heard(2, heartbeat(3)));
  answers.push(...oneStep(solo, { kind: 'wake' }), ...oneStep(solo, { kind: 'wake' }));
  expect(answers).toEqual([]);
  expect([solo.role, solo.raft.applied]).toEqual(['follower', 4]);
  expect(solo.raft.machine.query({ key: 'k' })).toBe('1');
});

/** What n2 says to the newest heartbeat. */
function answerToRound({ raft }: Solo): RaftMessage {
  const round = raft.role.kind === 'leader' ? raft.role.round : 0;
  const { term, log } = raft;
  const rest = { clock: millis(1), match: log.lastIndex, storage: storageId(2) };
  return { kind: 'heartbeat_reply', term, round, ...rest };
}
