/** The scenarios of the replicated log with real processes, killed, frozen, wiped, slow and failing. */

import type { ClusterNode } from '../../bin/cluster_node';
import { EventReader } from '../http/log_server_support';
import { send } from '../support/e2e_http';
import {
  append,
  healthOf,
  LogWorld,
  type LogWorldOptions,
  messagesAt,
  post,
  refusedAppend,
  replicate,
  shownAt,
  watched,
} from '../support/e2e_log';
import { eventually } from '../support/e2e_world';

jest.setTimeout(180_000);

const FOUR = ['Msg1', 'Msg2', 'Msg3', 'Msg4'];
let world: LogWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});
async function make(options?: LogWorldOptions): Promise<LogWorld> {
  world = await LogWorld.make(options);
  return world;
}
async function open(options?: LogWorldOptions): Promise<LogWorld> {
  world = await LogWorld.open(options);
  return world;
}

/** Msg1 to Msg4 while the second secondary is not there; Msg3 wants three copies and waits. */
async function writeFour(master: ClusterNode) {
  expect(await append(master, 'Msg1', 1)).toMatchObject({ status: 'ok', order: 0 });
  expect(await append(master, 'Msg2', 2)).toMatchObject({ status: 'ok', order: 1 });
  const third = watched(append(master, 'Msg3', 3));
  await eventually('Msg3 is in the log', async () => (await messagesAt(master)).length === 3);
  expect(await append(master, 'Msg4', 1)).toMatchObject({ status: 'ok', order: 3 });
  expect(third.done).toBe(false);
  return third;
}

test('one secondary is absent: w=3 waits, nobody waits with it, and it is answered later', async () => {
  const { master, secondary } = bind(await make());
  await Promise.all([master.start(), secondary(1).start()]);
  const third = await writeFour(master);
  await eventually('all is on S1', async () => (await messagesAt(secondary(1))).length === 4);
  expect(Object.values(await healthOf(master)).sort()).toEqual(['Healthy', 'Unhealthy']);
  expect(third.done).toBe(false);
  await secondary(2).start();
  expect(await third.promise).toMatchObject({ status: 'ok', order: 2 });
  await eventually('all is on S2', async () => (await messagesAt(secondary(2))).length === 4);
  expect(await messagesAt(secondary(2))).toEqual(FOUR);
  expect((await world?.agreed())?.map(({ message }) => message)).toEqual(FOUR);
});

test('the same with a secondary that is frozen', async () => {
  const { master, secondary } = bind(await open());
  secondary(2).pause();
  const third = await writeFour(master);
  await eventually('it is suspected', async () =>
    Object.values(await healthOf(master)).includes('Suspected'),
  );
  await eventually('it is unhealthy', async () =>
    Object.values(await healthOf(master)).includes('Unhealthy'),
  );
  expect(third.done).toBe(false);
  secondary(2).resume();
  expect(await third.promise).toMatchObject({ status: 'ok', order: 2 });
  expect(await messagesAt(secondary(2))).toEqual(FOUR);
  await world?.healthy();
});

test('the same id twice is one message, also after the master was killed, and w defaults to all', async () => {
  const { master, secondary } = bind(await open());
  const first = await append(master, 'Msg1', undefined, 'a');
  expect(first).toEqual({ status: 'ok', message_id: 'a', order: 0 });
  for (const node of [master, secondary(1), secondary(2)]) {
    expect(await messagesAt(node)).toEqual(['Msg1']);
  }
  const again = { status: 'Message already exists', message_id: 'a', order: 0 };
  expect(await append(master, 'Msg1', 2, 'a')).toEqual(again);
  await append(master, 'Msg2', 1);
  await master.kill();
  await master.start();
  expect(await append(master, 'Msg1', 3, 'a')).toEqual(again);
  expect(await append(master, 'Msg3', 3)).toMatchObject({ status: 'ok', order: 2 });
  expect((await world?.agreed())?.map(({ message }) => message)).toEqual(['Msg1', 'Msg2', 'Msg3']);
});

test('a late answer is honest, a client that goes away is forgotten', async () => {
  const { master, secondary } = bind(await make());
  await Promise.all([master.start(), secondary(1).start()]);
  await append(master, 'Msg1', 2);
  const body = { message: 'Msg2', w: 3, id: 'b', timeout_ms: 300 };
  const late = await post(master, '/messages', body);
  expect([late.status, JSON.parse(late.text).error]).toMatchObject([
    504,
    {
      ...{ code: 'timeout', outcome: 'unknown', retry: 'same_key' },
      details: { copies: 2, w: 3, message_id: 'b', order: 1 },
    },
  ]);
  await expect(post(master, '/messages', { message: 'Msg3', w: 3 }, 300)).rejects.toThrow();
  await eventually('nobody waits', async () => (await master.status())?.waiting_appends === 0);
  expect(await messagesAt(master)).toEqual(['Msg1', 'Msg2', 'Msg3']);
  await secondary(2).start();
  expect((await world?.agreed())?.length).toBe(3);
});

test('a secondary shows no message beyond a gap, also after it was killed', async () => {
  const { secondary } = bind(await make());
  await secondary(1).start();
  const ack = { status: 200, body: { status: 'ACK' } };
  for (const order of [0, 1, 3, 3, 0]) {
    expect(await replicate(secondary(1), order, `m${order}`)).toEqual(ack);
  }
  expect(await messagesAt(secondary(1))).toEqual(['m0', 'm1']);
  expect(await replicate(secondary(1), 1, 'another')).toMatchObject({ status: 409 });
  await secondary(1).kill();
  await secondary(1).start();
  expect(await messagesAt(secondary(1))).toEqual(['m0', 'm1']);
  expect(await replicate(secondary(1), 2, 'm2')).toEqual(ack);
  expect(await messagesAt(secondary(1))).toEqual(['m0', 'm1', 'm2', 'm3']);
  expect((await shownAt(secondary(1))).map(({ id }) => id)).toEqual([
    'id-0',
    'id-1',
    'id-2',
    'id-3',
  ]);
});

test.each(['after', 'before'])('errors of a secondary %s the append', async (when) => {
  const trouble = ['--error-rate', '0.4', '--error-when', when];
  const { master } = bind(await open({ secondary: [trouble, trouble] }));
  const texts = Array.from({ length: 40 }, (_, i) => `m${i}`);
  for (const text of texts.slice(0, 20)) await append(master, text, 3);
  await Promise.all(texts.slice(20).map((text) => append(master, text, 2)));
  const log = await world?.agreed();
  expect(log?.slice(0, 20).map(({ message }) => message)).toEqual(texts.slice(0, 20));
  expect(log?.map(({ message }) => message).sort()).toEqual([...texts].sort());
  const status = await master.status();
  const secondaries = status?.secondaries as readonly { retries: number }[];
  expect(secondaries.reduce((sum, { retries }) => sum + retries, 0)).toBeGreaterThan(0);
});

test('an emulated error is an answer too', async () => {
  const { secondary } = bind(
    await make({ secondary: [['--error-rate', '1', '--error-when', 'after']] }),
  );
  await secondary(1).start();
  expect(await replicate(secondary(1), 0, 'm0')).toMatchObject({
    status: 500,
    body: { error: { code: 'emulated_error', outcome: 'unknown' } },
  });
  await eventually('it is there', async () => (await messagesAt(secondary(1))).length === 1);
});

test('w=1 with a slow secondary: the logs differ for a while, and then agree', async () => {
  const { master, secondary } = bind(await open({ secondary: [['--delay-ms', '1500'], []] }));
  for (const message of FOUR) await append(master, message, 1);
  expect(await messagesAt(master)).toEqual(FOUR);
  expect((await messagesAt(secondary(1))).length).toBeLessThan(4);
  expect((await world?.agreed())?.map(({ message }) => message)).toEqual(FOUR);
});

test('quorum append: without a majority the master is read-only, and what is refused never appears', async () => {
  const { master, secondary } = bind(await open({ master: ['--quorum-append'] }));
  await append(master, 'Msg1', 3);
  await Promise.all([secondary(1).kill(), secondary(2).kill()]);
  const refused = await eventually('it refuses', async () => {
    const answer = await post(master, '/messages', { message: 'no', w: 1, timeout_ms: 5000 });
    return answer.status === 503 && (JSON.parse(answer.text) as { error: object });
  });
  expect(refused.error).toMatchObject({ code: 'no_quorum', outcome: 'not_applied', retry: 'safe' });
  const before = await messagesAt(master);
  for (let i = 0; i < 5; i++) {
    expect(await refusedAppend(master, { message: 'never', w: 1 })).toMatchObject({
      ...{ status: 503, outcome: 'not_applied' },
    });
  }
  expect((await send(master.url, '/health/ready')).status).toBe(503);
  expect(await messagesAt(master)).toEqual(before);
  await secondary(1).start();
  await eventually('it takes appends again', async () => {
    return (await post(master, '/messages', { message: 'Msg2', w: 2, id: 'z' })).status === 200;
  });
  await secondary(2).start();
  const log = await world?.agreed();
  expect(log?.map(({ message }) => message)).toEqual([...before, 'Msg2']);
});

test('clear is refused unless it was allowed, and empties all logs', async () => {
  const { master, secondary } = bind(await open({ master: ['--allow-clear'] }));
  await append(master, 'old', 3);
  expect((await send(secondary(1).url, '/clear', { method: 'POST' })).status).toBe(403);
  const cleared = await send(master.url, '/clear', { method: 'POST' });
  expect([cleared.status, JSON.parse(cleared.text)]).toEqual([200, { status: 'cleared' }]);
  expect(await world?.agreed()).toEqual([]);
  expect(await append(master, 'new', 3)).toMatchObject({ order: 0 });
  expect((await world?.agreed())?.map(({ message }) => message)).toEqual(['new']);
});

test.each(['the master', 'a secondary'])(
  'who was away during a clear is told by %s, and misses nothing',
  async (at) => {
    const { master, secondary } = bind(await open({ master: ['--allow-clear'] }));
    const node = at === 'the master' ? master : secondary(1);
    for (const message of ['old0', 'old1']) await append(master, message, 3);
    const before = await EventReader.open(`${node.url}/messages/stream`);
    await before.until(() => before.messages.length === 2);
    before.close();
    const id = before.events.at(-1)?.id ?? '';
    expect((await send(master.url, '/clear', { method: 'POST' })).status).toBe(200);
    for (const message of ['new0', 'new1', 'new2']) await append(master, message, 3);
    const after = await EventReader.open(`${node.url}/messages/stream`, { 'Last-Event-ID': id });
    await after.until(() => after.messages.length === 3);
    expect(after.events.map(({ event }) => event)).toEqual([
      ...['cleared', 'message', 'message', 'message'],
    ]);
    expect(after.messages.map(({ message }) => message)).toEqual(['new0', 'new1', 'new2']);
    after.close();
  },
);

test('retention: a reader below it is told so', async () => {
  const { master } = bind(await open({ secondaries: 1, master: ['--retain-messages', '5'] }));
  for (let i = 0; i < 12; i++) await append(master, `m${i}`, 2);
  const answer = await eventually('it is gone', async () => {
    const reply = await send(master.url, '/messages?from=0');
    return reply.status === 410 && reply;
  });
  const { error } = JSON.parse(answer.text) as { error: { details: { first: number } } };
  expect(error).toMatchObject({ code: 'below_retention', details: { from: 0 } });
  const rest = await messagesAt(master);
  expect(rest).toEqual(Array.from({ length: 12 }, (_, i) => `m${i}`).slice(error.details.first));
  expect(rest.length).toBeGreaterThanOrEqual(5);
});

/** `secondary` without its world. */
function bind(from: LogWorld) {
  return { master: from.master, secondary: (number: number) => from.secondary(number) };
}
