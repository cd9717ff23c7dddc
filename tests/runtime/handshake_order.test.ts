/** Proofs used twice, steps out of order, and connections that overtake each other. */

import { Door, N2 } from './handshake_support';
import {
  challenged,
  challengeRequest,
  honestHello,
  noteBody,
  RawConnection,
  upgradeRequest,
} from './peer_raw';

const SECRET = 'the word';

let door: Door;

afterEach(() => door.close());

describe('proofs', () => {
  test('the secret never travels, and the acceptor shows that it knows it', async () => {
    door = await Door.open({}, SECRET);
    const { answer, request } = await door.knock();
    expect(request + JSON.stringify(answer)).not.toContain(SECRET);
    expect(answer.headers['kv-peer-proof']).toMatch(/^[0-9a-f]{64}$/);
    expect(request).not.toContain(answer.headers['kv-peer-proof']);
  });

  test('a replayed request is refused: the challenge is new on every connection', async () => {
    door = await Door.open({}, SECRET);
    const first = await door.knock();
    expect(first.answer.status).toBe(101);
    const [connection, challenge] = await challenged(door.port);
    expect(challenge).toMatch(/^[0-9a-f]{32}$/);
    const answer = await connection.send(first.request).answer();
    expect([answer.status, answer.body]).toEqual([
      403,
      "the dialler's proof of the shared secret is wrong\n",
    ]);
  });
});

test('an upgrade without a challenge before it is refused', async () => {
  door = await Door.open();
  const said = upgradeRequest({ 'kv-peer-version': '1' });
  const bare = new RawConnection(door.port).send(said);
  expect((await bare.end().rest()).split(' ')[1]).toBe('400');
  const full = await door.knock();
  const connection = new RawConnection(door.port).send(full.request);
  const answer = await connection.answer();
  expect([answer.status, answer.body]).toEqual([
    400,
    'a challenge must be asked for first, on the same connection\n',
  ]);
  connection.destroy();
});

test('a challenge and an upgrade sent at once are refused, not mixed up', async () => {
  door = await Door.open({}, SECRET);
  const first = await door.knock();
  const connection = new RawConnection(door.port).send(challengeRequest + first.request);
  const text = await connection.end().rest();
  expect(text).not.toContain('101 Switching');
});

test('the loss of a link is the last that is heard of it, after the last message', async () => {
  door = await Door.open();
  const control = await door.knock();
  const bulk = await door.knock({ lane: 'bulk' });
  control.connection.destroy();
  const losses = () => door.heard.links.filter(({ peer, up }) => peer === N2 && !up).length;
  await door.heard.until(() => losses() === 1);
  // What was under way on the other lane looks like a sign of life.
  await door.carries(bulk, 7);
  bulk.connection.destroy();
  await door.heard.until(() => losses() === 2);
});

describe('connection epochs', () => {
  test('an older connection does not deliver after a newer one was accepted', async () => {
    door = await Door.open();
    const older = await door.knock();
    await door.carries(older, 1);
    const half = older.frame(noteBody(2));
    older.connection.send(half.subarray(0, 10));
    const newer = await door.knock();
    expect(newer.answer.status).toBe(101);
    older.connection.send(half.subarray(10)).send(older.frame(noteBody(3)));
    await older.connection.rest();
    await door.carries(newer, 4);
    expect(door.heard.numbers(N2)).toEqual([1, 4]);
  });

  test('a handshake that was overtaken by a newer one is refused', async () => {
    door = await Door.open();
    const overtaken = honestHello();
    const newer = await door.knock();
    const late = await door.knock({ epoch: overtaken.epoch });
    expect([late.answer.status, late.answer.body]).toEqual([
      409,
      'a newer connection of this lane was accepted before\n',
    ]);
    await door.carries(newer, 5);
  });

  test('a restarted peer begins its epochs anew, and ends the connections of its past', async () => {
    door = await Door.open();
    const control = await door.knock();
    const bulk = await door.knock({ lane: 'bulk' });
    const restarted = await door.knock({ instance: 'f'.repeat(32), epoch: 1 });
    expect(restarted.answer.status).toBe(101);
    await Promise.all([control.connection.rest(), bulk.connection.rest()]);
    await door.carries(restarted, 6);
  });

  test('a second process with the same id but another disk is refused while the first lives', async () => {
    door = await Door.open();
    const first = await door.knock({ storage: 11 });
    const second = await door.knock({ storage: 12, instance: 'e'.repeat(32), epoch: 1 });
    expect(second.answer.status).toBe(409);
    expect(second.answer.body).toContain(
      'another process with the id n2 is connected (storage 11)',
    );
    await door.carries(first, 8);
  });
});
