/**
 * Whatever the fast lane takes, `node:http` takes too, with the same method, key, options and body,
 * and with the same end: no bytes are read as one request here and as another there.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { type LaneRequest, parseRequest } from '../../kv/http/lane_request';
import { LIMITS } from './malformed_requests';
import { request } from './raw_client';
import { startServer, type TestServer } from './test_server';

const SETTINGS = { ...LIMITS, maxTimeoutMs: 300_000 };
const PUT = '{"type":"PUT","value":"v"}';
/** Comes after each request that was taken, and shows that Node found its end in the same place. */
const SENTINEL = request('GET', '/keys/sentinel');

const VALID: readonly string[] = [
  request('GET', '/keys/a'),
  request('GET', '/keys/a%2fb?level=stale&max_staleness_ms=5'),
  request('POST', '/keys/a', PUT),
  request('POST', '/keys/a?timeout_ms=7', '{"value":[1,"\u00fc"],"type":"APPEND"}', [
    'Idempotency-Key: abc-1',
    'Connection: keep-alive',
    'User-Agent: x',
  ]),
  request('DELETE', '/keys/a', undefined, ['Accept: */*', 'Content-Length: 0']),
];

let http: TestServer;
beforeAll(async () => {
  http = await startServer({ ...LIMITS, fastLane: false });
});
afterAll(() => http.stop());

/** What `node:http` makes of the bytes: the calls of the service, and the statuses. */
async function asked(text: string) {
  const { reads, writes } = http.service;
  reads.length = 0;
  writes.length = 0;
  const socket = connect(http.port, '127.0.0.1');
  let answers = '';
  socket.setEncoding('latin1').on('data', (data) => {
    answers += data;
  });
  socket.end(text, 'latin1');
  await once(socket, 'close');
  const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]);
  return { reads: [...reads], writes: [...writes], statuses };
}

/** What the lane makes of the first request; `undefined` if it does not take it. */
function take(text: string): LaneRequest | undefined {
  const parsed = parseRequest(Buffer.from(text, 'latin1'), 0, SETTINGS);
  return parsed.kind === 'read' || parsed.kind === 'write' ? parsed : undefined;
}

async function expectSameReading(texts: readonly string[]): Promise<void> {
  const reads: unknown[] = [];
  const writes: unknown[] = [];
  let stream = '';
  for (const text of texts) {
    const taken = take(text);
    if (taken === undefined) continue;
    stream += text.slice(0, taken.end) + SENTINEL;
    if (taken.kind === 'read') reads.push({ key: taken.key, options: taken.options });
    else {
      const { kind, key, ...rest } = taken.command;
      const value = 'value' in rest ? { value: Buffer.from(rest.value).toString('latin1') } : {};
      writes.push({ kind, key, ...value, options: taken.options });
    }
    reads.push({ key: 'sentinel', options: {} });
  }
  if (stream === '') return;
  const fromNode = await asked(stream);
  expect(fromNode.reads).toEqual(reads);
  expect(fromNode.writes).toEqual(writes);
  for (const status of fromNode.statuses) expect(['200', '204', '404', '409']).toContain(status);
  expect(fromNode.statuses).toHaveLength(reads.length + writes.length);
}

test('every byte in the place of every byte', async () => {
  let tried = 0;
  for (const valid of VALID) {
    for (let at = 0; at < valid.length; at++) {
      const replaced = Array.from(
        { length: 256 },
        (_, byte) => valid.slice(0, at) + String.fromCharCode(byte) + valid.slice(at + 1),
      );
      tried += replaced.filter((text) => take(text) !== undefined).length;
      await expectSameReading(replaced);
    }
  }
  expect(tried).toBeGreaterThan(10_000);
});

const NASTY = [
  ...[
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\t',
    '\0',
    ':',
    ',',
    '\x0b',
    '\x80',
    '\xff',
    '0',
    '5',
    '%',
    '?',
    '#',
  ],
  ...['\r\n ', '\r\n\t', '\r\n\r\n', 'X: y\r\n', 'Host: b\r\n', 'Content-Length: 5\r\n'],
  ...['Content-Length: 26\r\n', 'Transfer-Encoding: chunked\r\n', 'transfer-encoding:\r\n'],
  ...['Connection: close\r\n', 'Connection: keep-alive\r\n', 'Upgrade: h2c\r\n', 'Expect: x\r\n'],
  ...['Idempotency-Key: z\r\n', 'Content-Type: application/json\r\n', 'Content_Length: 3\r\n'],
  ...['Content-Type: text/html\r\n', 'Content-Encoding: gzip\r\n', 'HTTP/1.0', '{}', '"', 'GET '],
];

interface Mutation {
  readonly at: number;
  readonly cut: number;
  readonly insert: string;
  /** Puts the insertion at the start of a line, where it does the most. */
  readonly atLine: boolean;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(8) }),
  insert: fc.constantFrom('', ...NASTY),
  atLine: fc.boolean(),
});

function mutated(text: string, { at, cut, insert, atLine }: Mutation): string {
  let place = at % (text.length + 1);
  if (atLine) place = Math.max(0, text.indexOf('\r\n', place) + 2) % (text.length + 1);
  return text.slice(0, place) + insert + text.slice(place + cut);
}

test('any damage to a valid request', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...VALID),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      async (valid, mutations) => {
        const text = mutations.reduce(mutated, valid);
        if (take(text) !== undefined) taken++;
        await expectSameReading([text]);
      },
    ),
    { numRuns: 20_000 },
  );
  expect(taken).toBeGreaterThan(500);
});
