/** RESP, byte by byte. */

import { RedisTalk, RespAnswer } from '../../../bin/bench/load/redis_talk';

const lines = (...words: string[]): string => words.map((word) => `${word}\r\n`).join('');

test('a write and its WAIT are one packet, a read is one command', () => {
  const talk = new RedisTalk(3, 1);
  const wait = ['*3', '$4', 'WAIT', '$1', '1', '$4', '1000'];
  const key = ['$16', 'key0000000000042'];
  expect(talk.request('put', 42).toString()).toBe(
    lines('*3', '$3', 'SET', ...key, '$3', 'xxx', ...wait),
  );
  expect(talk.request('append', 42).toString()).toBe(
    lines('*3', '$5', 'RPUSH', '$16', 'lst0000000000042', '$3', 'xxx', ...wait),
  );
  expect(talk.request('stale', 42).toString()).toBe(lines('*2', '$3', 'GET', ...key));
});

/** The pieces of a text that is cut at these places. */
const pieces = (text: string, ...cuts: number[]): string[] =>
  [0, ...cuts].map((cut, i) => text.slice(cut, cuts[i]));

const INPUT = Buffer.alloc(1000);
const feed = (to: { take(bytes: Buffer, size: number): boolean }, piece: string): boolean =>
  to.take(INPUT, INPUT.write(piece, 'latin1'));

test.each([
  [2, lines('+OK', ':2')],
  [2, lines(':17', ':1')],
  [1, lines('$5', 'a\r\nbc')],
  [1, lines('$0', '')],
  [1, lines('$-1')],
  [2, lines('-ERR no', ':0')],
  [3, lines('$2', 'ab', '+OK', '$3', 'abc')],
])('%d answers %j are whole at their end, in however many pieces', (count, text) => {
  const answer = new RespAnswer();
  for (let cut = 1; cut < text.length; cut++) {
    answer.expect(count);
    expect([cut, ...pieces(text, cut).map((piece) => feed(answer, piece))]).toEqual([
      ...[cut, false, true],
    ]);
  }
  answer.expect(count);
  const single = [...text].map((piece) => feed(answer, piece));
  expect(single.lastIndexOf(false)).toBe(text.length - 2);
});

test.each([
  ['put', lines('+OK', ':1'), undefined],
  ['put', lines('+OK', ':2'), undefined],
  ['put', lines('+OK', ':0'), 'only 0 replicas have it'],
  ['put', lines('-MISCONF disk', ':1'), '-MISCONF disk'],
  ['append', lines(':3', ':1'), undefined],
  ['append', lines(':3', ':0'), 'only 0 replicas have it'],
  ['stale', lines('$3', 'xxx'), undefined],
  ['stale', lines('$-1'), 'there is no such value'],
] as const)('a %s that is answered by %j', (operation, text, complaint) => {
  const talk = new RedisTalk(3, 1);
  talk.request(operation, 1);
  expect(feed(talk, text)).toBe(true);
  expect(talk.complaint).toBe(complaint);
});

test('an answer that nobody asked for ends the run', () => {
  const answer = new RespAnswer();
  answer.expect(1);
  expect(() => feed(answer, lines('+OK', '+OK'))).toThrow('nobody asked for');
});
