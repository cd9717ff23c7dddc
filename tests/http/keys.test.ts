/** What `/keys/{key}` does, in each of the three ways. */

import { ERROR_CODES, type ErrorCode, operatingError } from '../../kv/core/errors';
import { ask, RawClient, request } from './raw_client';
import { errorOf, startServer, type TestServer, VARIANTS } from './test_server';

const put = (value: string): string => `{"type":"PUT","value":${value}}`;
const append = (value: string): string => `{"type":"APPEND","value":${value}}`;

describe.each(VARIANTS)('$variant', ({ hotPath, fastLane }) => {
  let http: TestServer;
  const send = (...parts: Parameters<typeof request>) => ask(http.port, request(...parts));

  beforeEach(async () => {
    http = await startServer({ hotPath, fastLane });
  });
  afterEach(() => http.stop());

  test('PUT, GET, APPEND, DELETE', async () => {
    expect((await send('GET', '/keys/a')).status).toBe(404);
    expect((await send('POST', '/keys/a', put('"x"'))).status).toBe(204);
    expect(await send('GET', '/keys/a')).toMatchObject({ status: 200, body: '"x"' });
    const notAList = await send('POST', '/keys/a', append('1'));
    expect([notAList.status, errorOf(notAList).code]).toEqual([409, 'not_a_list']);
    expect((await send('DELETE', '/keys/a')).status).toBe(204);
    expect((await send('DELETE', '/keys/a')).status).toBe(404);
    expect((await send('POST', '/keys/a', append('"y"'))).status).toBe(204);
    expect((await send('POST', '/keys/a', append('{"z":1}'))).status).toBe(204);
    expect((await send('GET', '/keys/a')).body).toBe('["y",{"z":1}]');
  });

  test('a value goes in and out as the bytes it came as', async () => {
    const spelt = '{ "ü" : [1.10, 1e2,\n "\\u00fc€😀"], "long": 12345678901234567890 }';
    await send('POST', '/keys/a', `{"type":"PUT","value":  ${spelt} \t}`);
    const answer = await send('GET', '/keys/a');
    expect(Buffer.from(answer.body, 'latin1').toString('utf8')).toBe(spelt);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json' });
  });

  test.each([
    ['the smallest', '0'],
    ['null', 'null'],
    ['an empty string', '""'],
    ['as large as the default allows', `"${'x'.repeat(4 * 1024 * 1024 - 25)}"`],
  ])('a value: %s', async (_name, value) => {
    expect((await send('POST', '/keys/a', put(value))).status).toBe(204);
    expect((await send('GET', '/keys/a')).body === value).toBe(true);
  });

  test('a body of one byte more than the default allows is refused', async () => {
    const body = put(`"${'x'.repeat(4 * 1024 * 1024 - 24)}"`);
    const answer = await send('POST', '/keys/a', body);
    expect(answer.status).toBe(413);
    expect(errorOf(answer).details).toMatchObject({ limit: 4 * 1024 * 1024 });
  });

  test('a body may come byte by byte, with a length or in chunks', async () => {
    const text = request('POST', '/keys/a', put('"ü€"'));
    const client = await RawClient.open(http.port);
    client.socket.setNoDelay(true);
    for (const byte of text) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.next()).status).toBe(204);
    client.send(request('POST', '/keys/b', '', ['Transfer-Encoding: chunked']));
    const bytes = Buffer.from(put('"ü€"')).toString('latin1');
    for (const byte of bytes) client.send(`1\r\n${byte}\r\n`);
    client.send('0\r\n\r\n');
    expect((await client.next()).status).toBe(204);
    client.close();
    expect([...http.service.state.values()]).toEqual(Array(2).fill('"\xc3\xbc\xe2\x82\xac"'));
  });

  test('the longest key, every byte of it encoded', async () => {
    const target = `/keys/${'%c3%bc'.repeat(512)}`;
    expect((await send('POST', target, put('1'))).status).toBe(204);
    expect([...http.service.state.keys()]).toEqual(['\xc3\xbc'.repeat(512)]);
    const longer = await send('GET', `${target}x`);
    expect([longer.status, errorOf(longer).code]).toEqual([400, 'key_too_long']);
  });

  test('HEAD says what GET would say, without the body', async () => {
    await send('POST', '/keys/a', put('"abc"'));
    const got = await send('GET', '/keys/a');
    const head = await send('HEAD', '/keys/a');
    expect(head.raw).toBe(got.raw.slice(0, got.raw.indexOf('\r\n\r\n') + 4));
    expect((await send('HEAD', '/keys/none')).status).toBe(404);
  });

  test('options of a read reach the service', async () => {
    await send('GET', '/keys/a');
    await send('GET', '/keys/a?');
    await send('GET', '/keys/a?level=lease&timeout_ms=300000');
    await send('GET', '/keys/a?min_index=281474976710655&max_staleness_ms=0&level=stale');
    expect(http.service.reads.map((read) => read.options)).toEqual([
      {},
      {},
      { level: 'lease', timeoutMs: 300_000 },
      { level: 'stale', minIndex: 2 ** 48 - 1, maxStalenessMs: 0 },
    ]);
  });

  test('options of a write reach the service', async () => {
    const longest = '~'.repeat(255);
    await send('POST', '/keys/a', put('1'), ['Idempotency-Key: !']);
    await send('POST', '/keys/a?timeout_ms=1', put('1'));
    await send('DELETE', '/keys/a?timeout_ms=5', undefined, [`idempotency-key: ${longest}`]);
    expect(http.service.writes).toMatchObject([
      { kind: 'put', options: { idempotencyKey: '!' } },
      { kind: 'put', options: { timeoutMs: 1 } },
      { kind: 'delete', options: { idempotencyKey: longest, timeoutMs: 5 } },
    ]);
  });

  test.each([
    ['Content-Type: application/json'],
    ['Content-Type: Application/JSON; Charset=UTF-8'],
    ['Content-Type: application/json ; charset="utf-8"'],
    ['Content-Encoding: identity'],
  ])('takes %s', async (header) => {
    expect((await send('POST', '/keys/a', put('1'), [header])).status).toBe(204);
  });

  test('takes a body without Content-Type', async () => {
    const text = request('POST', '/keys/a', put('1')).replace(/Content-Type: .*\r\n/, '');
    expect((await ask(http.port, text)).status).toBe(204);
  });

  test('headers tell where an answer came from', async () => {
    http.service.served = { index: 7, term: 2, node: 'n1:1', leader: 'n2:1', ageMs: 12.5 };
    const expected = {
      'x-quorum-index': '7',
      'x-quorum-term': '2',
      'x-quorum-node': 'n1:1',
      'x-quorum-leader': 'n2:1',
      'x-quorum-age-ms': '13',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    };
    expect((await send('GET', '/keys/none')).headers).toMatchObject(expected);
    http.service.state.set('a', '1');
    expect((await send('GET', '/keys/a')).headers).toMatchObject(expected);
    const written = await send('POST', '/keys/a', put('1'));
    expect(written.headers).toMatchObject({ ...expected, 'x-quorum-index': '8' });
    expect(written.headers).not.toHaveProperty('x-powered-by');
    http.service.served = { ...http.service.served, leader: '' };
    expect((await send('GET', '/keys/a')).headers).not.toHaveProperty('x-quorum-leader');
  });

  /** Written out a second time on purpose: the interface must not change with the table. */
  const STATUSES: Readonly<Record<ErrorCode, number>> = {
    no_leader: 503,
    no_quorum: 503,
    timeout: 504,
    timeout_not_applied: 503,
    overloaded: 429,
    too_stale: 503,
    index_not_reached: 503,
    session_expired: 409,
    key_reused: 422,
    too_large: 413,
    read_quorum_not_met: 503,
    write_quorum_not_met: 503,
    quorum_not_valid: 400,
    metadata_not_valid: 400,
    value_not_mergeable: 400,
    key_empty: 400,
    too_many_siblings: 409,
    not_a_member: 503,
    membership_not_possible: 409,
    write_concern_not_valid: 400,
    message_id_not_valid: 400,
    not_the_master: 409,
    not_a_secondary: 409,
    log_conflict: 503,
    log_unknown: 503,
    log_full: 503,
    below_retention: 410,
    log_cleared: 409,
    clear_not_allowed: 403,
    order_not_valid: 400,
    message_conflict: 409,
    emulated_error: 500,
    wrong_type: 409,
    key_reserved: 400,
    change_not_valid: 400,
    clock_ahead: 503,
    peer_not_possible: 409,
    peer_url_not_valid: 400,
    peer_not_known: 404,
    stopping: 503,
    stopped: 504,
  };

  test.each(Object.keys(ERROR_CODES) as ErrorCode[])('the operating error %s', async (code) => {
    const error = operatingError(code, 'Voilà, as the service says.', { waited_ms: 5, peer: 'n2' });
    http.service.fail(error);
    const requests = [
      request('GET', '/keys/a'),
      request('POST', '/keys/a', put('1')),
      request('DELETE', '/keys/a'),
    ];
    for (const text of requests) {
      const answer = await ask(http.port, text);
      expect(answer.status).toBe(STATUSES[code]);
      expect(JSON.parse(Buffer.from(answer.body, 'latin1').toString())).toEqual({ error });
      expect('retry-after' in answer.headers).toBe(ERROR_CODES[code].retry === 'safe');
    }
  });

  test.each([
    ['not_found', 404, 'key_not_found'],
    ['not_a_list', 409, 'not_a_list'],
    ['too_large', 413, 'too_large'],
  ] as const)('the result %s', async (result, status, code) => {
    http.service.answerWrites(result);
    const answer = await send('POST', '/keys/a', append('1'));
    expect([answer.status, errorOf(answer).code]).toEqual([status, code]);
    expect(answer.headers).toHaveProperty('x-quorum-index', '0');
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  test('a service that throws costs one 500 and is reported', async () => {
    const bug = new Error('a bug');
    for (const text of [request('GET', '/keys/a'), request('POST', '/keys/a', put('1'))]) {
      http.service.throwOnce(bug);
      const answer = await ask(http.port, text);
      expect([answer.status, errorOf(answer).outcome]).toEqual([500, 'unknown']);
    }
    expect(http.errors).toEqual([bug, bug]);
    expect((await send('POST', '/keys/a', put('1'))).status).toBe(204);
  });
});
