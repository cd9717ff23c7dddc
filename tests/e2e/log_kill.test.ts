/** Nodes of the replicated log killed under load: nothing acknowledged is lost, nothing is there twice. */

import { EventReader } from '../http/log_server_support';
import { append, expectWellFormed, LogWorld, messagesAt } from '../support/e2e_log';
import { LogLoad } from '../support/e2e_log_load';
import { eventually } from '../support/e2e_world';

jest.setTimeout(300_000);

const ROUNDS = 3;
const PER_ROUND = 150;

let world: LogWorld;
beforeEach(async () => {
  world = await LogWorld.open();
});
afterEach(() => world.close());

test('the master is killed again and again', async () => {
  const { master } = world;
  const load = world.during(new LogLoad(master, 2));
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress(PER_ROUND);
    await master.kill();
    await master.start();
  }
  await load.progress(PER_ROUND);
  await load.stop();
  expect(load.retries).toBeGreaterThan(0);
  load.check(await world.agreed());
});

test('secondaries are killed in turn, then both, and the master goes on with w=1', async () => {
  const { master } = world;
  const load = world.during(new LogLoad(master, 1));
  for (let round = 0; round < ROUNDS; round++) {
    const victim = world.secondary(1 + (round % 2));
    await load.progress(PER_ROUND);
    await victim.kill();
    await load.progress(PER_ROUND);
    await victim.start();
  }
  await Promise.all(world.secondaries.map((node) => node.kill()));
  await load.progress(PER_ROUND);
  await Promise.all(world.secondaries.map((node) => node.start()));
  await load.stop();
  load.check(await world.agreed());
});

test('all are killed at once, with w=3', async () => {
  const { master } = world;
  const load = world.during(new LogLoad(master, 3));
  await load.progress(PER_ROUND);
  await Promise.all(world.all.map((node) => node.kill()));
  await Promise.all(world.all.map((node) => node.start()));
  await load.progress(PER_ROUND);
  await load.stop();
  load.check(await world.agreed());
});

test('a secondary whose folder was wiped, and one that comes late, get everything', async () => {
  const { master } = world;
  const [first, second] = [world.secondary(1), world.secondary(2)];
  await second.kill();
  const load = world.during(new LogLoad(master, 2));
  await load.progress(PER_ROUND);
  await first.kill();
  world.wipe(first);
  await first.start();
  await load.progress(PER_ROUND);
  await second.start();
  const behind = (await messagesAt(second)).length;
  await load.stop();
  const log = await world.agreed();
  expect(log.length).toBeGreaterThan(behind);
  load.check(log);
  // A wiped disk counts as a copy again.
  expect(await append(master, 'last', 3)).toMatchObject({ status: 'ok' });
});

test('followers go on over restarts of the master, with every message once and in order', async () => {
  const { master } = world;
  const seen: { order: number; id: string; message: string }[] = [];
  const load = world.during(new LogLoad(master, 1));
  const atSecondary = await EventReader.open(`${world.secondary(1).url}/messages/stream`);
  for (let round = 0; round < ROUNDS; round++) {
    const last = seen.at(-1);
    const reader = await EventReader.open(
      `${master.url}/messages/stream`,
      last === undefined ? {} : { 'Last-Event-ID': String(last.order) },
    );
    await reader.until(() => reader.messages.length > 50);
    if (round % 2 === 0) await master.kill();
    else await master.stop();
    await reader.untilEnd();
    seen.push(...reader.messages);
    await master.start();
  }
  await load.stop();
  const log = await world.agreed();
  load.check(log);
  expectWellFormed(seen);
  expect(seen).toEqual(log.slice(0, seen.length));
  await eventually('the other has seen all', () => atSecondary.messages.length === log.length);
  expect(atSecondary.messages).toEqual(log);
  atSecondary.close();
});
