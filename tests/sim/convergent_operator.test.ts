/** The simulated operator: which of his registrations he may take for the last word. */

import { peerKey } from '../../kv/core/convergent/peers';
import { millis, NEVER, nodeId } from '../../kv/core/ids';
import { Operator } from '../../kv/sim/convergent/operator';
import { checkAsked, type Order, TruePeers } from '../../kv/sim/convergent/true_peers';

const [A, B, C] = [nodeId('a'), nodeId('b'), nodeId('c')];
const ALL = [A, B, C];
const DONE = { kind: 'done' } as const;

/** What replica 1 writes when it carries out an order at this time. */
const cellsOf = ({ kind, peer }: Order, time: number) => {
  const stamp = { time, replica: 1 };
  const part =
    kind === 'register'
      ? ({ kind: 'value', stamp, text: '' } as const)
      : ({ kind: 'deleted', stamp } as const);
  return [{ key: peerKey(peer), parts: [part] }];
};

class World {
  readonly peers = new TruePeers(ALL);
  isSettled = false;
  /** Up to where replica 1 has its words on its disk. */
  durable = NEVER as number;
  readonly operator = new Operator(
    ALL,
    (peer) => this.peers.lastToCountOn(peer, () => this.durable),
    () => this.isSettled,
  );

  /** He has asked A to unregister somebody. */
  readonly order = this.operator.nextChange(A, millis(0));

  carryOut(order: Order, time: number): void {
    this.peers.said(cellsOf(order, time), time, 1);
    this.operator.carriedOut(A, order);
  }

  register(time: number): string {
    const operation = this.operator.registration(B, this.operator.outsider ?? A);
    this.carryOut(operation.request(millis(0)) as Order, time);
    return operation.judge(DONE).kind;
  }
}

test('an unregistration that is under way may come after any registration', () => {
  const world = new World();
  const { operator, order } = world;
  expect(order).toMatchObject({ kind: 'unregister', peer: operator.outsider });
  expect(world.register(5)).toBe('again');
  world.carryOut(order, 7);
  expect(operator.outsider).toBeDefined();
  expect(world.register(8)).toBe('done');
  expect(operator.outsider).toBeUndefined();
});

test('one that died with its process comes no more', () => {
  const world = new World();
  world.operator.ended(B);
  expect(world.register(5)).toBe('again');
  world.operator.ended(A);
  expect(world.register(6)).toBe('done');
});

test('a registration with an earlier stamp than the unregistration loses, whenever it was made', () => {
  const world = new World();
  world.carryOut(world.order, 7);
  expect([world.register(5), world.register(6), world.register(8)]).toEqual([
    ...['again', 'again', 'done'],
  ]);
});

test('a registration that a crash may take does not count, an unregistration does', () => {
  const world = new World();
  world.durable = 6;
  world.carryOut(world.order, 7);
  expect(world.register(8)).toBe('again');
  world.durable = 8;
  expect(world.register(9)).toBe('done');
});

test('an unregistration that a crash has taken does not count', () => {
  const world = new World();
  world.carryOut(world.order, 7);
  world.peers.dropAfter(1, 6);
  expect(world.register(6.5)).toBe('done');
});

test('whoever is no peer and is asked himself registers another, and so himself', () => {
  const { operator } = new World();
  const outsider = operator.outsider ?? A;
  const { peer } = operator.registration(outsider, outsider).request(millis(0)) as {
    peer?: string;
  };
  expect(ALL.filter((id) => id !== outsider)).toContain(peer);
});

test('the next one goes only when all have the last one back', () => {
  const world = new World();
  const { operator, order } = world;
  world.carryOut(order, 7);
  expect(operator.nextChange(B, NEVER)).toMatchObject({ kind: 'register', peer: order.peer });
  world.isSettled = true;
  const next = operator.nextChange(order.peer, NEVER);
  expect(next.kind).toBe('unregister');
  expect(next.peer).not.toBe(order.peer);
});

test('he may insist at any node, also at the outsider, who registers another and so himself', () => {
  const { operator, order } = new World();
  const outsider = order.peer;
  const other = ALL.find((id) => id !== outsider) as typeof A;
  const insist = (kind: Order['kind'], node: typeof A) =>
    operator.insist(kind, node, outsider, NEVER);
  expect(insist('register', other)).toMatchObject({ kind: 'register', peer: outsider });
  expect(insist('unregister', other)).toMatchObject({ kind: 'unregister', peer: outsider });
  expect(insist('register', outsider).peer).not.toBe(outsider);
});

describe('the oracle of who is a peer', () => {
  const registered = { kind: 'register', peer: B } as Order;
  const unregistered = { kind: 'unregister', peer: B } as Order;
  const held = (order: Order) => (key: string) =>
    cellsOf(order, 1).find((cell) => cell.key === key)?.parts;

  test('the last word that was seen counts, whatever came first', () => {
    const peers = new TruePeers(ALL);
    peers.said(cellsOf(unregistered, 8), 8, 1);
    peers.said(cellsOf(registered, 5), 5, 1);
    expect(() => peers.check(A, new Map([[1, 7]]), held(registered))).not.toThrow();
    expect(() => peers.check(A, new Map([[1, 8]]), held(unregistered))).not.toThrow();
    expect(() => peers.check(A, new Map([[1, 8]]), held(registered))).toThrow('a has b for a peer');
    expect(() => peers.check(A, new Map([[1, 7]]), held(unregistered))).toThrow('for no peer');
  });

  test('nobody is registered or unregistered of its own accord', () => {
    const word = { peer: B, isPeer: true, time: 1, replica: 1 };
    const self = { ...word, peer: A };
    expect(() => checkAsked(A, [word, self], [registered])).not.toThrow();
    expect(() => checkAsked(A, [word], [unregistered])).toThrow('a registers b of its own accord');
    expect(() => checkAsked(A, [{ ...word, isPeer: false }], [registered])).toThrow('unregisters');
    expect(() => checkAsked(A, [word], [registered])).toThrow('a registers b, and not itself');
  });
});
