/** Names of the log's nodes, and the peers that they are for the transport. */

import { nodeId } from '../../kv/core/ids';
import type { Lane } from '../../kv/core/protocol';
import { NamedTransport } from '../../kv/log_service/named_transport';
import type { Transport, TransportListener } from '../../kv/runtime/transport';

class Inner implements Transport<string> {
  listener: TransportListener<string> | undefined;
  readonly sent: string[] = [];
  readonly up = new Set<string>();

  listen(listener: TransportListener<string>): void {
    this.listener = listener;
  }
  async start(): Promise<void> {}
  send(to: string, _lane: Lane, message: string): void {
    this.sent.push(`${to} ${message}`);
  }
  flush(): void {}
  connected(peer: string): boolean {
    return this.up.has(peer);
  }
  async close(): Promise<void> {}
}

const [S1, S2] = [nodeId('http://localhost:5001'), nodeId('http://localhost:5002')];
const [DISK_A, DISK_B] = [nodeId('a'), nodeId('b')];

let inner: Inner;
let named: NamedTransport<string>;
let heard: string[];
beforeEach(() => {
  inner = new Inner();
  named = new NamedTransport(inner);
  heard = [];
  named.listen({
    message: (from, message) => heard.push(`${from} ${message}`),
    link: (peer, up) => heard.push(`${peer} ${up ? 'up' : 'down'}`),
  });
});

test('both ways, what has no name is nobody', () => {
  named.send(S1, 'bulk', 'too early');
  inner.listener?.message(DISK_A, 'a stranger');
  inner.listener?.link(DISK_A, true);
  named.assign(S1, DISK_A);
  named.send(S1, 'bulk', 'hello');
  inner.listener?.message(DISK_A, 'hello too');
  inner.listener?.link(DISK_A, true);
  expect(inner.sent).toEqual(['a hello']);
  expect(heard).toEqual([`${S1} hello too`, `${S1} up`]);
});

test('a wiped disk is another peer under the same name, after a link that was lost', () => {
  named.assign(S1, DISK_A);
  named.assign(S1, DISK_A);
  expect(heard).toEqual([]);
  inner.up.add(DISK_B);
  named.assign(S1, DISK_B);
  expect(heard).toEqual([`${S1} down`, `${S1} up`]);
  inner.listener?.message(DISK_A, 'from the old disk');
  named.send(S1, 'control', 'hello');
  expect(inner.sent).toEqual(['b hello']);
  expect(heard).toHaveLength(2);
  expect(named.connected(S1)).toBe(true);
});

test('a peer that is found under another name has lost the first', () => {
  named.assign(S1, DISK_A);
  named.assign(S2, DISK_A);
  expect(heard).toEqual([`${S1} down`]);
  inner.listener?.message(DISK_A, 'hello');
  named.send(S1, 'bulk', 'lost');
  named.send(S2, 'bulk', 'arrives');
  expect(heard.at(-1)).toBe(`${S2} hello`);
  expect(inner.sent).toEqual(['a arrives']);
  expect(named.connected(S1)).toBe(false);
});
