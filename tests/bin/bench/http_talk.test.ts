/** What the generator says in HTTP, byte by byte, and how it finds the end of an answer. */

import { EtcdJsonTalk, HttpAnswer, jsonValue, KeysTalk } from '../../../bin/bench/load/http_talk';
import { writeBase64, writeKeyDigits } from '../../../bin/bench/load/talk_bytes';
import { VersionsTalk } from '../../../bin/bench/load/versions_talk';

const HEADERS_END = '\r\n\r\n';

test('requests of our own API', () => {
  const talk = new KeysTalk(8);
  const body = '{"type":"PUT","value":"xxxxxx"}';
  expect(talk.request('put', 42).toString()).toBe(
    'POST /keys/key0000000000042 HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${body.length}${HEADERS_END}${body}`,
  );
  expect(talk.request('append', 7).toString()).toMatch(/^POST \/keys\/lst0000000000007 .*APPEND/s);
  const get = (query: string) =>
    `GET /keys/key0000000000003${query} HTTP/1.1\r\nHost: bench${HEADERS_END}`;
  expect(talk.request('get', 3).toString()).toBe(get(''));
  expect(talk.request('lease', 3).toString()).toBe(get('?level=lease'));
  expect(talk.request('stale', 3).toString()).toBe(get('?level=stale'));
  expect(talk.request('put', 1).toString()).toMatch('key0000000000001');
});

test.each([2, 3, 256])('a value is %d bytes of JSON', (size) => {
  expect(jsonValue(size)).toHaveLength(size);
  expect(typeof JSON.parse(jsonValue(size))).toBe('string');
});

test("requests of etcd's JSON gateway", () => {
  const talk = new EtcdJsonTalk(5);
  const bodyOf = (operation: 'put' | 'get' | 'stale', key: number) => {
    const [head = '', body = ''] = talk.request(operation, key).toString().split(HEADERS_END);
    expect(head).toMatch(`Content-Length: ${body.length}`);
    return [head.split(' ')[1], JSON.parse(body)];
  };
  const key = (n: number) => Buffer.from(`key${String(n).padStart(13, '0')}`).toString('base64');
  expect(bodyOf('put', 987)).toEqual([
    '/v3/kv/put',
    { key: key(987), value: Buffer.from('xxxxx').toString('base64') },
  ]);
  expect(bodyOf('get', 1)).toEqual(['/v3/kv/range', { key: key(1) }]);
  expect(bodyOf('stale', 2)).toEqual(['/v3/kv/range', { key: key(2), serializable: true }]);
});

test.each([0, 9, 10, 123_456_789, 9_999_999])('digits and base64 of key %d', (n) => {
  const key = Buffer.from('[key9999999999999]');
  writeKeyDigits(key, 1, n);
  const text = `key${String(n).padStart(13, '0')}`;
  expect(key.toString()).toBe(`[${text}]`);
  const target = Buffer.from('[......................==]');
  writeBase64(target, 1, Buffer.from(text));
  expect(target.toString()).toBe(`[${Buffer.from(text).toString('base64')}]`);
});

const DONE = `HTTP/1.1 204 No Content\r\nX-Quorum-Index: 7\r\nDate: now${HEADERS_END}`;
const VALUE = `HTTP/1.1 200 OK\r\ncontent-length: 11\r\nDate: now${HEADERS_END}"123456789"`;
const EMPTY = `HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0${HEADERS_END}`;
const CHUNKED = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked${HEADERS_END}5\r\nhello\r\n0\r\n\r\n`;
const ERROR = `HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3${HEADERS_END}no!`;

/** Feeds a text in pieces that end at these places; says after which pieces an answer was whole. */
function feed(answer: HttpAnswer, text: string, ...ends: number[]): boolean[] {
  const buffer = Buffer.alloc(1000);
  return [...ends, text.length].map((end, i) => {
    const size = buffer.write(text.slice(ends[i - 1] ?? 0, end), 'latin1');
    return answer.take(buffer, size);
  });
}

describe.each([DONE, VALUE, EMPTY, CHUNKED, ERROR])('the answer %j', (text) => {
  test('is whole at its end, in however many pieces it comes', () => {
    const answer = new HttpAnswer();
    expect(feed(answer, text)).toEqual([true]);
    for (let cut = 1; cut < text.length; cut++) {
      expect([cut, feed(answer, text, cut)]).toEqual([cut, [false, true]]);
    }
    const bytes = Array.from({ length: text.length - 1 }, (_, i) => i + 1);
    expect(feed(answer, text, ...bytes)).toEqual([...bytes.map(() => false), true]);
  });

  test('is fine if it says so', () => {
    const answer = new HttpAnswer();
    feed(answer, text);
    expect(answer.isFine).toBe(text !== ERROR);
    feed(answer, DONE);
    expect(answer.isFine).toBe(true);
  });
});

test('an answer that was not fine is told', () => {
  const talk = new KeysTalk(8);
  expect(talk.take(Buffer.from(ERROR), ERROR.length)).toBe(true);
  expect(talk.complaint).toBe(ERROR);
  expect(talk.take(Buffer.from(DONE), DONE.length)).toBe(true);
  expect(talk.complaint).toBeUndefined();
});

test('an answer that nobody asked for ends the run', () => {
  const answer = new HttpAnswer();
  expect(() => feed(answer, `${VALUE}X`)).toThrow('nobody asked for');
});

test('requests of the leaderless system: a put carries what the last put of its key was told', () => {
  const last = new Map<number, string>();
  const talk = new VersionsTalk(8, last);
  const other = new VersionsTalk(8, last);
  const get = `GET /keys/key0000000000003?quorum=2 HTTP/1.1\r\nHost: bench${HEADERS_END}`;
  expect(talk.request('get', 3).toString()).toBe(get);

  const bodyOf = (asked: VersionsTalk): unknown => {
    const [head = '', body = ''] = asked.request('put', 42).toString().split(HEADERS_END);
    expect(head).toMatch(/^POST \/keys\/key0000000000042 HTTP\/1\.1\r\n/);
    expect(head).toMatch(`Content-Length: ${body.length}`);
    return JSON.parse(body);
  };
  const answer = (body: string): Buffer =>
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}${HEADERS_END}${body}`);
  expect(bodyOf(talk)).toEqual({ type: 'PUT', value: 'xxxxxx', quorum: 2 });
  const told = answer('{"metadata":"AQ-_"}\n');
  expect([talk.take(told, told.length), talk.complaint]).toEqual([true, undefined]);
  expect(bodyOf(other)).toEqual({ type: 'PUT', value: 'xxxxxx', quorum: 2, metadata: 'AQ-_' });
  const odd = answer('{}\n');
  expect([other.take(odd, odd.length), other.complaint]).toEqual([true, expect.any(String)]);
});
