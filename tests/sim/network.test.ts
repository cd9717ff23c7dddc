/** The simulated network: what it loses, repeats, delays and cuts. */

import { nodeId } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import { Counters } from '../../kv/sim/counters';
import { Network, type NetworkSettings } from '../../kv/sim/network';
import { Timeline } from '../../kv/sim/timeline';

const [N1, N2] = [nodeId('n1'), nodeId('n2')];
const CALM: NetworkSettings = {
  minDelayMs: 1,
  maxDelayMs: 9,
  lost: 0,
  repeated: 0,
  late: 0,
  ordered: true,
  encoded: false,
};

class Wire {
  readonly timeline = new Timeline();
  readonly counters = new Counters();
  readonly arrived: { at: number; number: number }[] = [];
  readonly links: string[] = [];
  readonly network: Network<number>;
  private sent = 0;

  constructor(settings: Partial<NetworkSettings> = {}) {
    const codec = {
      encode: (n: number) => [Uint8Array.of(n & 255), Uint8Array.of(n >> 8)],
      decode: (bytes: Uint8Array) => (bytes[0] as number) + 256 * (bytes[1] as number),
    };
    const prng = new Prng(1, 'network');
    const all = { ...CALM, ...settings };
    this.network = new Network(all, this.timeline, prng, codec, this.counters, {
      deliver: (_from, _to, number) => this.arrived.push({ at: this.timeline.now, number }),
      link: (node, peer, up) => this.links.push(`${node} ${peer} ${up}`),
    });
  }

  get numbers(): number[] {
    return this.arrived.map(({ number }) => number);
  }

  send(count: number): void {
    for (let i = 0; i < count; i++) this.network.send(N1, N2, 'bulk', this.sent++);
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((x, y) => x - y);

test('messages of a lane arrive in order, within their delay, through the codec too', () => {
  for (const encoded of [false, true]) {
    const wire = new Wire({ encoded });
    wire.send(300);
    wire.timeline.runUntil(100);
    expect(wire.numbers).toEqual(upTo(300));
    for (const { at } of wire.arrived) {
      expect(at).toBeGreaterThanOrEqual(1);
      expect(at).toBeLessThanOrEqual(9);
    }
  }
});

test('where order is not kept they overtake each other, and some come seconds late', () => {
  const wire = new Wire({ ordered: false, late: 1000 });
  wire.send(300);
  wire.timeline.runUntil(10);
  const soon = wire.arrived.length;
  expect(soon).toBeGreaterThan(200);
  expect(soon).toBeLessThan(300);
  expect(wire.numbers).not.toEqual(sorted(wire.numbers));
  wire.timeline.runUntil(10_000);
  expect(sorted(wire.numbers)).toEqual(upTo(300));
});

test('about as many are lost and repeated as it says, and it counts them', () => {
  const wire = new Wire({ lost: 2000, repeated: 1000, ordered: false });
  wire.send(2000);
  wire.timeline.runUntil(100);
  const { lost, repeated, sent } = wire.counters;
  expect(sent).toBe(2000);
  expect(lost).toBeGreaterThan(300);
  expect(lost).toBeLessThan(500);
  expect(repeated).toBeGreaterThan(100);
  expect(repeated).toBeLessThan(220);
  expect(wire.arrived).toHaveLength(2000 - lost + repeated);
});

test('a cut is in one direction, takes what is under way, and ends when all who cut have ended it', () => {
  const wire = new Wire();
  wire.send(1);
  wire.network.block(N1, N2);
  wire.network.block(N1, N2);
  wire.timeline.runUntil(20);
  wire.network.unblock(N1, N2);
  wire.send(1);
  wire.network.send(N2, N1, 'bulk', 77);
  wire.timeline.runUntil(40);
  expect(wire.network.isOpen(N1, N2)).toBe(false);
  expect(wire.numbers).toEqual([77]);
  wire.network.unblock(N1, N2);
  wire.send(1);
  wire.timeline.runUntil(60);
  expect(wire.numbers).toEqual([77, 2]);
});

test('a connection that breaks takes what is under way with it, and both ends are told', () => {
  const wire = new Wire();
  wire.send(3);
  wire.network.breakConnection(N1, N2);
  wire.send(1);
  wire.timeline.runUntil(20);
  expect(wire.numbers).toEqual([3]);
  expect(wire.links).toEqual(['n1 n2 false', 'n2 n1 false']);
});

test('a slow link delays by what it says, and a full queue drops', () => {
  const wire = new Wire();
  wire.network.slowDown(N1, N2, 500);
  wire.send(2500);
  wire.timeline.runUntil(500);
  expect(wire.arrived).toHaveLength(0);
  wire.timeline.runUntil(520);
  expect(wire.arrived).toHaveLength(2000);
  expect(wire.counters.lost).toBe(500);
});

test('for a while messages come again long after they were sent', () => {
  const wire = new Wire({ ordered: false });
  wire.network.echoed = 5000;
  wire.send(400);
  wire.network.echoed = 0;
  wire.timeline.runUntil(9);
  expect(sorted(wire.numbers)).toEqual(upTo(400));
  wire.timeline.runUntil(10_000);
  const echoes = wire.arrived.slice(400);
  expect(echoes.length).toBeGreaterThan(100);
  expect(echoes.length).toBeLessThan(300);
  expect(wire.counters.repeated).toBe(echoes.length);
  for (const { at } of echoes) expect(at).toBeGreaterThanOrEqual(50);
  wire.send(10);
  wire.timeline.runUntil(20_000);
  expect(wire.arrived.length).toBe(410 + echoes.length);
});
