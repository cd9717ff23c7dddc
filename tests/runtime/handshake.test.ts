/** Who is let in and who is not, over real sockets. Node `n1` listens; `n2` is its peer. */

import { nodeId } from '../../kv/core/ids';
import { Door } from './handshake_support';
import type { Lie } from './peer_raw';

const SECRET = 'the word';

let door: Door;

afterEach(() => door.close());

interface Row {
  readonly name: string;
  readonly lie: Lie;
  readonly status: number;
  readonly reason: RegExp;
}

const COMMON: readonly Row[] = [
  {
    name: 'wrong cluster',
    lie: { cluster: 'other' },
    status: 403,
    reason: /cluster "test", not "other"/,
  },
  {
    name: 'unknown node',
    lie: { from: nodeId('n9') },
    status: 403,
    reason: /n9 is not a known peer of n1/,
  },
  { name: 'self', lie: { from: nodeId('n1') }, status: 403, reason: /uses this node's own id, n1/ },
  {
    name: 'wrong target',
    lie: { to: nodeId('n3') },
    status: 403,
    reason: /belongs to node n1, not n3/,
  },
  {
    name: 'newer version',
    lie: { version: 2 },
    status: 426,
    reason: /version 1 of the peer protocol, not 2/,
  },
  {
    name: 'no version',
    lie: { headers: { 'kv-peer-version': undefined } },
    status: 400,
    reason: /kv-peer-version/,
  },
  {
    name: 'wrong lane',
    lie: { headers: { 'kv-peer-lane': 'middle' } },
    status: 400,
    reason: /kv-peer-lane/,
  },
  {
    name: 'no storage',
    lie: { headers: { 'kv-peer-storage': undefined } },
    status: 400,
    reason: /kv-peer-storage/,
  },
  {
    name: 'storage that is no number',
    lie: { headers: { 'kv-peer-storage': 'a1' } },
    status: 400,
    reason: /kv-peer-storage/,
  },
  {
    name: 'negative epoch',
    lie: { headers: { 'kv-peer-epoch': '-1' } },
    status: 400,
    reason: /kv-peer-epoch/,
  },
  { name: 'short nonce', lie: { nonce: 'abc' }, status: 400, reason: /kv-peer-nonce/ },
  {
    name: 'instance with spaces',
    lie: { instance: 'x y' },
    status: 400,
    reason: /kv-peer-instance/,
  },
  {
    name: 'id that cannot be decoded',
    lie: { headers: { 'kv-peer-from': '%zz' } },
    status: 400,
    reason: /kv-peer-from/,
  },
  {
    name: 'empty id',
    lie: { headers: { 'kv-peer-from': '' } },
    status: 400,
    reason: /kv-peer-from/,
  },
  {
    name: 'very long id',
    lie: { from: nodeId('n'.repeat(600)) },
    status: 400,
    reason: /kv-peer-from/,
  },
  {
    name: 'no cluster',
    lie: { headers: { 'kv-peer-cluster': undefined } },
    status: 400,
    reason: /kv-peer-cluster/,
  },
  {
    name: 'no proof',
    lie: { headers: { 'kv-peer-proof': undefined } },
    status: 403,
    reason: /gave no proof/,
  },
];

const WITH_SECRET: readonly Row[] = [
  {
    name: 'wrong secret',
    lie: { secret: 'a guess' },
    status: 403,
    reason: /proof of the shared secret is wrong/,
  },
  {
    name: 'missing secret',
    lie: { secret: undefined },
    status: 403,
    reason: /the dialler has none configured/,
  },
  {
    name: 'wrong secret and wrong cluster',
    lie: { secret: 'a guess', cluster: 'other' },
    status: 403,
    reason: /^the dialler's proof of the shared secret is wrong$/,
  },
  {
    name: 'proof of the wrong length',
    lie: { headers: { 'kv-peer-proof': 'ab' } },
    status: 403,
    reason: /proof of the shared secret is wrong/,
  },
  // The proof covers every field: what is changed after it was made is noticed.
  {
    name: 'proof for another lane',
    lie: { headers: { 'kv-peer-lane': 'bulk' } },
    status: 403,
    reason: /is wrong/,
  },
  {
    name: 'proof for another node',
    lie: { from: nodeId('n3'), headers: { 'kv-peer-from': 'n2' } },
    status: 403,
    reason: /is wrong/,
  },
  {
    name: 'proof for another target',
    lie: { to: nodeId('n3'), headers: { 'kv-peer-to': 'n1' } },
    status: 403,
    reason: /is wrong/,
  },
  {
    name: 'proof for another cluster',
    lie: { cluster: 'x', headers: { 'kv-peer-cluster': 'test' } },
    status: 403,
    reason: /is wrong/,
  },
  {
    name: 'proof for another epoch',
    lie: { headers: { 'kv-peer-epoch': '999999' } },
    status: 403,
    reason: /is wrong/,
  },
];

async function expectRefused({ lie, status, reason }: Row): Promise<void> {
  const { answer, connection } = await door.knock(lie);
  expect(answer.status).toBe(status);
  expect(answer.body.trim()).toMatch(reason);
  const { connection: fate } = answer.headers;
  expect(fate).toBe('close');
  await connection.end().rest();
  expect(door.refusals()).toHaveLength(1);
  expect(door.refusals()[0]?.fields).toMatchObject({ status, reason: answer.body.trim() });
}

async function expectServes(): Promise<void> {
  const good = await door.knock();
  expect(good.answer.status).toBe(101);
  await door.carries(good, 7);
}

describe('the handshake without a secret', () => {
  test.each(COMMON)('$name is refused with $status', async (row) => {
    door = await Door.open();
    await expectRefused(row);
    await expectServes();
  });

  test('a secret where none is configured is refused', async () => {
    door = await Door.open();
    const reason = /the dialler uses a shared secret and the other side has none/;
    await expectRefused({ name: '', lie: { secret: SECRET }, status: 403, reason });
    await expectServes();
  });
});

describe('the handshake with a secret', () => {
  const rows = [...COMMON, ...WITH_SECRET];
  test.each(rows)('$name is refused with $status', async (row) => {
    door = await Door.open({}, SECRET);
    await expectRefused(row);
    await expectServes();
  });
});
