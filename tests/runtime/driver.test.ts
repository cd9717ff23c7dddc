/** The real driver, with a protocol that records what it is handed and does as it is told. */

import { type Millis, NEVER, nodeId, storageId } from '../../kv/core/ids';
import type { Effect, Event, MessageCodec, Protocol } from '../../kv/core/protocol';
import { Driver } from '../../kv/runtime/driver';
import { MemoryNetwork, type MemoryTransport } from '../../kv/runtime/memory_transport';
import { MemoryStorage } from '../../kv/storage/memory_storage';
import type { Storage } from '../../kv/storage/storage';

type Step = Effect<string, string>[];
type Behaviour = (at: Millis, events: readonly Event<string, string>[]) => Step;

class ToldProtocol implements Protocol<string, string, string> {
  readonly steps: { at: Millis; events: readonly Event<string, string>[] }[] = [];
  wakeAt = NEVER;
  mayWaitForDisk = false;

  constructor(private readonly behave: Behaviour) {}

  step(at: Millis, events: readonly Event<string, string>[]): Step {
    this.steps.push({ at, events });
    return this.behave(at, events);
  }
}

const codec: MessageCodec<string> = {
  encode: (message) => [Buffer.from(message)],
  decode: (body) => Buffer.from(body).toString(),
};
const [self, other] = [nodeId('a:1'), nodeId('b:1')];

interface World {
  readonly driver: Driver<string, string, string>;
  readonly protocol: ToldProtocol;
  readonly storage: MemoryStorage;
  readonly network: MemoryNetwork<string>;
  readonly transport: MemoryTransport<string>;
  readonly fatal: Error[];
}

const worlds: World[] = [];

async function start(behave: Behaviour): Promise<World> {
  const storage = new MemoryStorage({ nodeId: self, clusterId: 'c', storageId: storageId(1) });
  const network = new MemoryNetwork<string>(codec);
  const transport = network.transport(self, [other]);
  const protocol = new ToldProtocol(behave);
  const fatal: Error[] = [];
  const onFatal = (error: Error) => fatal.push(error);
  const driver = new Driver({ protocol, storage, transport, stopped: 'stopped', onFatal });
  await driver.start();
  const world = { driver, protocol, storage, network, transport, fatal };
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const { driver } of worlds.splice(0)) await driver.stop();
});

/** Answers every request with itself. */
const echo: Behaviour = (_at, events) =>
  events.flatMap((event) =>
    event.kind === 'request' ? [{ kind: 'reply', id: event.id, reply: event.request }] : [],
  );

const ask = (world: World, request: string): Promise<string> =>
  new Promise((resolve) => world.driver.submit(request, resolve));

test('requests of one turn share one step, in their order, and each gets its own answer', async () => {
  const world = await start(echo);
  const answers = await Promise.all(['x', 'y', 'z'].map((request) => ask(world, request)));
  expect(answers).toEqual(['x', 'y', 'z']);
  const batches = world.protocol.steps.map(({ events }) =>
    events.flatMap((event) => (event.kind === 'request' ? [event.request] : [])),
  );
  expect(batches).toContainEqual(['x', 'y', 'z']);
});

test('an answer never comes from within submit', async () => {
  const world = await start(echo);
  let inside = true;
  const answered = new Promise<boolean>((resolve) => {
    world.driver.submit('x', () => resolve(inside));
  });
  inside = false;
  expect(await answered).toBe(false);
});

test('time never goes back from step to step', async () => {
  const world = await start(echo);
  for (let i = 0; i < 20; i++) await ask(world, 'x');
  const times = world.protocol.steps.map(({ at }) => at);
  expect(times).toEqual([...times].sort((x, y) => x - y));
});

test('records are handed to the disk, and their durability is an event', async () => {
  const persisted = new Promise<number>((resolve) => {
    void start((_at, events) => {
      for (const event of events) if (event.kind === 'persisted') resolve(event.through);
      const asked = events.some((event) => event.kind === 'request');
      const records = [{ type: 1, payload: new Uint8Array([1]) }];
      return asked ? [{ kind: 'persist', records, through: 1 as never }] : [];
    }).then((world) => world.driver.submit('write', () => undefined));
  });
  expect(await persisted).toBe(1);
});

describe('a core that may wait for the disk', () => {
  const records = [{ type: 1, payload: new Uint8Array([1]) }];
  const persistAndSend: Behaviour = (_at, events) =>
    events.flatMap((event): Step => {
      if (event.kind !== 'link') return [];
      return [
        { kind: 'persist', records, through: 1 as never },
        { kind: 'send', to: other, lane: 'control', message: 'first' },
      ];
    });

  /** What the driver did, in its order, when the link came up. */
  async function orderOf(mayWait: boolean, pending: boolean): Promise<string[]> {
    const order: string[] = [];
    const world = await start(persistAndSend);
    world.protocol.mayWaitForDisk = mayWait;
    const { perform } = world.storage;
    jest.spyOn(world.storage as Storage, 'perform').mockImplementation((effect, mayWait) => {
      order.push(`${effect.kind} ${mayWait === true ? 'awaited' : 'by a thread'}`);
      perform.call(world.storage, effect);
    });
    const { flush } = world.transport;
    jest.spyOn(world.transport, 'flush').mockImplementation(() => {
      order.push('sent');
      flush.call(world.transport);
    });
    if (pending) world.driver.submit('unanswered', () => undefined);
    const peer = world.network.transport(other, [self]);
    peer.listen({ message: () => undefined, link: () => undefined });
    await peer.start();
    for (let turn = 0; turn < 100 && !order.some((each) => each.startsWith('persist')); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.close();
    const at = order.findIndex((each) => each.startsWith('persist'));
    return order.slice(Math.max(0, at - 1), at + 2);
  }

  test('says what it has to say before it does', async () => {
    const order = await orderOf(true, false);
    expect(order.slice(0, 2)).toEqual(['sent', 'persist awaited']);
  });

  test('does not while a request of a client waits', async () => {
    expect(await orderOf(true, true)).toContain('persist by a thread');
  });

  test('does not unless it says so', async () => {
    expect(await orderOf(false, false)).toContain('persist by a thread');
  });
});

test('messages go out to the peer, and its messages and its link come in as events', async () => {
  const heard: string[] = [];
  let resolve = (): void => undefined;
  const pong = new Promise<void>((done) => {
    resolve = done;
  });
  const world = await start((_at, events) => {
    const effects: Step = [];
    for (const event of events) {
      if (event.kind === 'link' && event.up) {
        effects.push({ kind: 'send', to: other, lane: 'control', message: 'ping' });
      }
      if (event.kind !== 'message') continue;
      heard.push(`${event.from} ${event.message}`);
      resolve();
    }
    return effects;
  });
  const peer = world.network.transport(other, [self]);
  peer.listen({
    link: () => undefined,
    message: (from, message) => {
      peer.send(from, 'control', `${message} pong`);
      peer.flush();
    },
  });
  await peer.start();
  await pong;
  expect(heard).toEqual(['b:1 ping pong']);
  await peer.close();
});

test('the core is woken when it wants to be, again and again', async () => {
  let wakes = 0;
  let done = (): void => undefined;
  const thrice = new Promise<void>((resolve) => {
    done = resolve;
  });
  const world = await start((at, events) => {
    if (events.some((event) => event.kind === 'wake')) wakes += 1;
    if (wakes >= 3) done();
    // The first step comes before `start` has returned.
    if (worlds.length > 0) world.protocol.wakeAt = wakes < 3 ? ((at + 5) as Millis) : NEVER;
    return [];
  });
  world.protocol.wakeAt = (world.driver.now() + 5) as Millis;
  world.driver.submit('look at the clock', () => undefined);
  await thrice;
  const asked = world.protocol.steps.filter(({ events }) =>
    events.some((event) => event.kind === 'wake'),
  );
  expect(asked.length).toBeGreaterThanOrEqual(3);
});

test('a broken invariant stops the node: no further step, and requests learn that they are unknown', async () => {
  const world = await start((_at, events) => {
    if (events.some((event) => event.kind === 'request')) throw new Error('broken');
    return [];
  });
  const answers = await Promise.all([ask(world, 'x'), ask(world, 'y')]);
  expect(answers).toEqual(['stopped', 'stopped']);
  expect(world.fatal.map((error) => error.message)).toEqual(['broken']);
  const steps = world.protocol.steps.length;
  expect(await ask(world, 'z')).toBe('stopped');
  expect(world.protocol.steps).toHaveLength(steps);
});

test('a request that is answered twice stops the node', async () => {
  const world = await start((at, events) => [...echo(at, events), ...echo(at, events)]);
  const uncaught = new Promise<unknown>((resolve) => {
    world.driver.submit('x', resolve);
  });
  await uncaught;
  await new Promise((resolve) => setImmediate(resolve));
  expect(world.fatal.map((error) => error.message)).toEqual([
    expect.stringContaining('each request is answered once'),
  ]);
});

test('a failed disk stops the node, and nothing after it in the list is carried out', async () => {
  const world = await start((_at, events) => {
    const request = events.find((event) => event.kind === 'request');
    if (request?.kind !== 'request') return [];
    const records = [{ type: 1, payload: new Uint8Array([1]) }];
    return [
      { kind: 'persist', records, through: 1 as never },
      { kind: 'reply', id: request.id, reply: 'must not be said' },
    ];
  });
  jest.spyOn(world.storage, 'perform').mockImplementation(() => {
    throw new Error('the disk is gone');
  });
  expect(await ask(world, 'x')).toBe('stopped');
  expect(world.fatal.map((error) => error.message)).toEqual(['the disk is gone']);
});

test('stop answers what is under way and takes nothing more', async () => {
  const world = await start(() => []);
  const pending = ask(world, 'never answered');
  await world.driver.stop();
  expect(await pending).toBe('stopped');
  expect(await ask(world, 'late')).toBe('stopped');
  expect(world.fatal).toEqual([]);
});
