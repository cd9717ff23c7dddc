/** ZooKeeper's protocol, byte by byte. */

import { CONNECT, packet, requestsOf, ZooKeeperTalk } from '../../../bin/bench/load/zookeeper_talk';

const hex = (text: string): string => Buffer.from(text).toString('hex');
const int = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const PATH = int(17) + hex('/key0000000000042');

/** A frame around hexadecimal fields. */
const framed = (...fields: string[]): string => int(fields.join('').length / 2) + fields.join('');

test('a session is asked for', () => {
  // Version, last transaction, timeout, session, password, not read-only.
  const long = '0'.repeat(16);
  expect(CONNECT.toString('hex')).toBe(
    framed(int(0), long, int(30_000), long, int(16), '0'.repeat(32), '00'),
  );
});

test('requests', () => {
  const talk = new ZooKeeperTalk(3, false);
  const data = int(3) + hex('xxx');
  const ask = (operation: 'put' | 'get' | 'stale') => talk.request(operation, 42).toString('hex');
  // Behind the xid: setData, with any version.
  expect(ask('put')).toBe(framed(int(1), int(5), PATH, data, int(-1)));
  // sync, then getData without a watch.
  expect(ask('get')).toBe(framed(int(2), int(9), PATH) + framed(int(3), int(4), PATH, '00'));
  expect(ask('stale')).toBe(framed(int(4), int(4), PATH, '00'));
  expect(ask('put')).toBe(framed(int(5), int(5), PATH, data, int(-1)));
});

test('the first put of a key creates it, open to all', () => {
  const world = [int(1), int(31), int(5), hex('world'), int(6), hex('anyone')];
  expect(new ZooKeeperTalk(3, true).request('put', 42).toString('hex')).toBe(
    framed(int(1), int(1), PATH, int(3), hex('xxx'), ...world, int(0)),
  );
});

test('there is no append', () => {
  expect(() => requestsOf('append', 1)).toThrow('no append');
});

const header = (error: number): Buffer => Buffer.from(int(7) + '0'.repeat(16) + int(error), 'hex');
const GREETING = packet(Buffer.alloc(37));
const SYNCED = packet(header(0), Buffer.alloc(21));
const VALUE = packet(header(0), Buffer.alloc(4 + 8 + 68));
const DONE = packet(header(0), Buffer.alloc(68));

/** A client whose session is open and who has asked something. */
function asking(operation: 'put' | 'get'): ZooKeeperTalk {
  const talk = new ZooKeeperTalk(8, false);
  expect(talk.take(GREETING, GREETING.length)).toBe(true);
  talk.request(operation, 1);
  return talk;
}

test('answers are whole at their end, in however many pieces they come', () => {
  const read = Buffer.concat([SYNCED, VALUE]);
  for (const [operation, bytes] of [
    ['put', DONE],
    ['get', read],
  ] as const) {
    for (let cut = 1; cut < bytes.length; cut++) {
      const talk = asking(operation);
      const input = Buffer.alloc(1000);
      bytes.copy(input, 0, 0, cut);
      expect([cut, talk.take(input, cut)]).toEqual([cut, false]);
      bytes.copy(input, 0, cut);
      expect([cut, talk.take(input, bytes.length - cut)]).toEqual([cut, true]);
      expect(talk.complaint).toBeUndefined();
    }
  }
});

test('codes of error and missing values are told', () => {
  const noNode = packet(header(-101));
  const put = asking('put');
  expect(put.take(noNode, noNode.length)).toBe(true);
  expect(put.complaint).toBe('error -101');
  const get = asking('get');
  const failed = Buffer.concat([SYNCED, noNode]);
  expect(get.take(failed, failed.length)).toBe(true);
  expect(get.complaint).toBe('error -101');
});

test('the answer of a ping belongs to the one that is awaited', () => {
  const talk = asking('put');
  expect(talk.ping().toString('hex')).toBe(framed(int(-2), int(11)));
  const pong = packet(header(0));
  expect(talk.take(DONE, DONE.length)).toBe(false);
  expect(talk.take(pong, pong.length)).toBe(true);
  expect(talk.complaint).toBeUndefined();
  talk.request('put', 2);
  expect(talk.take(DONE, DONE.length)).toBe(true);
});

test('an answer that nobody asked for ends the run', () => {
  const talk = asking('put');
  const twice = Buffer.concat([DONE, DONE]);
  expect(() => talk.take(twice, twice.length)).toThrow('nobody asked for');
});
