/** A state that is larger than any text may be is told in pieces. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createConvergentServer } from '../../kv/http/convergent_server';
import { mapFragments } from '../../kv/http/convergent_views';
import type { HttpServer } from '../../kv/http/server';
import { inPieces } from '../../kv/http/text_pieces';
import type { KeyView } from '../../kv/service';
import { FakeReplica } from '../support/fake_replica';
import { ask, request } from './raw_client';

describe('what is made', () => {
  test.each([1, 2, 3, 7, 100])('is never longer than %i, and nothing is lost', (most) => {
    const fragments = ['', 'a', 'bc', 'defghijklmn', '', 'o'.repeat(10), 'p'];
    const pieces = [...inPieces(fragments, most)];
    expect(pieces.join('')).toBe(fragments.join(''));
    for (const piece of pieces.slice(0, -1)) expect(piece).toHaveLength(most);
    expect((pieces.at(-1) ?? '').length).toBeLessThanOrEqual(most);
  });

  test('is nothing of nothing', () => {
    expect([...inPieces([], 4)]).toEqual([]);
    expect([...inPieces([''], 4)]).toEqual([]);
  });

  test('of the map is no fragment longer than a key or a value', () => {
    const texts = Array.from({ length: 50 }, (_, i) => `"${'x'.repeat(i % 7)}"`);
    const views: [string, KeyView][] = [
      ['"', { type: 'set', elements: texts }],
      ['r', { type: 'register', values: texts }],
      ['v', { type: 'value', value: '{"a":1}' }],
      ['c', { type: 'counter', count: -12 }],
    ];
    const fragments = [...mapFragments(views)];
    expect(Math.max(...fragments.map(({ length }) => length))).toBeLessThanOrEqual(10);
    const list: unknown = JSON.parse(`[${texts.join(',')}]`);
    expect(JSON.parse(fragments.join(''))).toEqual({ '"': list, r: list, v: { a: 1 }, c: -12 });
    expect([...mapFragments([])].join('')).toBe('{}');
  });

  test('is made no earlier than it is asked for', () => {
    let taken = 0;
    function* fragments(): Generator<string, void> {
      for (;;) yield `${taken++}`.padStart(8);
    }
    const pieces = inPieces(fragments(), 20);
    expect(pieces.next().value).toHaveLength(20);
    expect(taken).toBe(3);
  });
});

describe('a server', () => {
  let replica: FakeReplica;
  let http: HttpServer;
  let port: number;
  beforeEach(async () => {
    replica = new FakeReplica();
    http = createConvergentServer(replica, {
      onError: (error) => {
        throw error;
      },
    });
    http.server.listen(0, '127.0.0.1');
    await once(http.server, 'listening');
    port = (http.server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    const drained = http.drain();
    http.cut();
    await drained;
  });

  const fill = (keys: number, bytes: number): Record<string, string> => {
    const value = 'x'.repeat(bytes);
    for (let i = 0; i < keys; i++)
      replica.keys.set(`k${i}`, { type: 'value', value: `"${value}"` });
    return Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, value]));
  };

  async function fetched(method: string, path: string, body?: string): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body ?? null });
    expect(answer.headers.get('content-length')).toBeNull();
    return answer.json();
  }

  test('tells a large state in pieces, wherever it is told', async () => {
    const state = fill(40, 10_000);
    expect(await fetched('GET', '/state')).toEqual(state);
    const more = { ...state, more: 1 };
    const updated = await fetched('PATCH', '/update', '{"updates":{"more":1}}');
    expect(updated).toEqual({ status: 'success', state: more });
    const asked = await fetched('PATCH', '/update', '{"updates":{}}');
    expect(asked).toEqual({ status: 'success', state: more });
    const deleted = await fetched('DELETE', '/delete/more');
    expect(deleted).toEqual({ status: 'success', state });
  });

  test('answers HEAD without a body, and a small state with its length', async () => {
    expect((await ask(port, request('GET', '/state'))).headers['content-length']).toBe('3');
    fill(40, 10_000);
    const head = await fetch(`http://127.0.0.1:${port}/state`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('makes no more of it than the client takes', async () => {
    const [keys, bytes] = [2000, 64 * 1024];
    const value = `"${'x'.repeat(bytes - 2)}"`;
    let taken = 0;
    for (let i = 0; i < keys; i++) {
      replica.keys.set(`k${i}`, {
        type: 'value',
        get value() {
          taken++;
          return value;
        },
      });
    }
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    socket.write(request('GET', '/state', undefined, ['Connection: close']));
    for (let before = -1; taken === 0 || taken > before; ) {
      before = taken;
      for (let i = 0; i < 20; i++) await ask(port, request('GET', '/health'));
    }
    expect(taken).toBeLessThan(keys / 2);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.resume();
    await once(socket, 'close');
    expect(taken).toBe(keys);
    expect(received).toBeGreaterThan(keys * bytes);
  });
});
