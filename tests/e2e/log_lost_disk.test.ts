/** A master of the replicated log that loses its data folder: it is filled from its secondaries. */

import {
  append,
  LogWorld,
  type LogWorldOptions,
  messagesAt,
  refusedAppend,
  shownAt,
} from '../support/e2e_log';
import { LogLoad } from '../support/e2e_log_load';
import { eventually } from '../support/e2e_world';

jest.setTimeout(180_000);

let world: LogWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});
async function open(options?: LogWorldOptions): Promise<LogWorld> {
  world = await LogWorld.open(options);
  return world;
}

const ROUNDS = 3;
const PER_ROUND = 100;

test('under load with w=2 it loses its folder again and again, and nothing acknowledged', async () => {
  const all = await open({ master: ['--existing-log'] });
  const { master } = all;
  const load = all.during(new LogLoad(master, 2));
  for (let round = 0; round < ROUNDS; round++) {
    await load.progress(PER_ROUND);
    await master.kill();
    all.wipe(master);
    await master.start();
  }
  await load.progress(PER_ROUND);
  await load.stop();
  expect(load.retries).toBeGreaterThan(0);
  load.check(await all.agreed());
});

test('what only a secondary has that is down is waited for', async () => {
  const all = await open();
  const { master } = all;
  await append(master, 'Msg1', 3, 'a');
  await all.secondary(1).kill();
  await append(master, 'Msg2', 2, 'b');
  await all.secondary(2).kill();
  await master.kill();
  all.wipe(master);
  await all.secondary(1).start();
  await master.start();
  const refused = await eventually('it refuses', async () => {
    const answer = await refusedAppend(master, { message: 'x', w: 1, timeout_ms: 500 });
    return answer.status === 503 && answer;
  });
  expect(refused).toMatchObject({ code: 'log_unknown', outcome: 'not_applied', retry: 'safe' });
  expect(await messagesAt(master)).toEqual([]);
  await all.secondary(2).start();
  const log = await eventually('it is filled', async () => {
    const shown = await shownAt(master);
    return shown.length === 2 && shown;
  });
  expect(log.map(({ id, order }) => [id, order])).toEqual([
    ['a', 0],
    ['b', 1],
  ]);
  expect(await append(master, 'Msg3', 3)).toMatchObject({ order: 2 });
  expect(await append(master, 'Msg2', 3, 'b')).toMatchObject({ order: 1, message_id: 'b' });
  expect((await all.agreed()).map(({ message }) => message)).toEqual(['Msg1', 'Msg2', 'Msg3']);
});

test('the old folder, put back after the log went on without it, is refused', async () => {
  const all = await open();
  const { master } = all;
  await append(master, 'Msg1', 3);
  await master.kill();
  all.setAside(master);
  await master.start();
  expect(await append(master, 'Msg2', 3)).toMatchObject({ order: 1 });
  await master.kill();
  all.bringBack(master);
  await master.start();
  // Before it has heard of them it takes messages in, which nobody but itself ever has.
  await eventually('it refuses', async () => {
    const answer = await refusedAppend(master, { message: 'x', w: 2, timeout_ms: 500 });
    return answer.status === 503 && answer.code === 'log_conflict';
  });
  for (const node of all.secondaries) expect(await messagesAt(node)).toEqual(['Msg1', 'Msg2']);
});
