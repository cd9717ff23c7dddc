/**
 * Who the peers are, between what an operator says by URL and what the core knows by id. The network
 * answers when the test says so, and so does the core: whatever overtakes what.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KnownReplicas, type PeerEntry } from '../../kv/convergent_service/known_replicas';
import { WantedUrls } from '../../kv/convergent_service/wanted_urls';
import { type NodeId, nodeId } from '../../kv/core/ids';
import { QUIET } from '../../kv/runtime/log';
import { type PeerUrl, parsePeerUrl } from '../../kv/runtime/peer_url';
import type { UrlPeersOptions } from '../../kv/runtime/url_peers';

type Transport = UrlPeersOptions['transport'];
type Answer = Parameters<Transport['ask']>[2];

const SELF = nodeId('self');
const [B, C] = [nodeId('b'), nodeId('c')];
const [AT_B, AT_C] = ['http://b:1', 'http://c:1'];

/** A network in which whoever is asked answers when the test lets him. */
class Network implements Transport {
  readonly links = new Map<NodeId, string>();
  readonly up = new Set<NodeId>();
  readonly calledBack: string[] = [];
  private readonly questions = new Map<string, Answer>();

  ask({ host, port }: PeerUrl, callMeBack: boolean, done: Answer): () => void {
    const url = `http://${host}:${port}`;
    this.questions.set(url, done);
    if (callMeBack) this.calledBack.push(url);
    return () => {
      if (this.questions.get(url) === done) this.questions.delete(url);
    };
  }
  addPeer({ id, host, port }: Parameters<Transport['addPeer']>[0]): void {
    this.links.set(id, `http://${host}:${port}`);
  }
  removePeer(id: NodeId): void {
    this.links.delete(id);
    this.up.delete(id);
  }
  connected(id: NodeId): boolean {
    return this.up.has(id);
  }

  get asked(): string[] {
    return [...this.questions.keys()];
  }
  answer(url: string, from: NodeId): void {
    const done = this.questions.get(url);
    this.questions.delete(url);
    if (done === undefined) throw new Error(`nobody is asked at ${url}`);
    done({ ok: true, welcome: { from, instance: 'x', storage: 1 } });
  }
  refuse(url: string): void {
    const done = this.questions.get(url);
    this.questions.delete(url);
    done?.({ ok: false, refused: false, reason: 'nobody listens' });
  }
}

/** A replica's core as far as it matters here, and everything around it. */
class Replica {
  readonly network = new Network();
  /** What the core was asked and has not done yet. */
  readonly orders: { readonly text: string; carryOut(): void; refuse(): void }[] = [];
  readonly wanted: WantedUrls;
  readonly known: KnownReplicas;

  constructor(
    folder: string | undefined,
    private entries: readonly PeerEntry[] = [],
  ) {
    this.wanted = new WantedUrls(folder);
    this.known = new KnownReplicas({
      ...{ self: SELF, transport: this.network, log: QUIET, wanted: this.wanted },
      entries: () => this.entries,
      register: (node, address, done) => {
        const others = () => this.entries.filter((entry) => entry.node !== node);
        this.order(`register ${node} ${address}`, () => [...others(), { node, address }], done);
      },
      unregister: (node) => this.unregister(node),
    });
    replicas.push(this);
  }

  unregister(node: NodeId): void {
    const others = () => this.entries.filter((entry) => entry.node !== node);
    this.order(`unregister ${node}`, others, () => undefined);
  }

  /** As a step of the core does. */
  become(entries: readonly PeerEntry[]): void {
    this.entries = entries;
    this.known.look();
  }

  carryOutAll(): string[] {
    return this.orders.splice(0).map((order) => {
      order.carryOut();
      return order.text;
    });
  }

  get peers(): readonly string[] {
    return this.entries.map(({ node, address }) => `${node} ${address}`).sort();
  }

  private order(text: string, after: () => PeerEntry[], done: (isDone: boolean) => void): void {
    const carryOut = () => {
      this.become(after());
      done(true);
    };
    this.orders.push({ text, carryOut, refuse: () => done(false) });
  }
}

const replicas: Replica[] = [];
let folder: string;
beforeEach(() => {
  jest.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'quorum-kv-known-'));
});
afterEach(() => {
  for (const { known } of replicas.splice(0)) known.stop();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  rmSync(folder, { recursive: true });
});

function url(text: string): PeerUrl {
  const peer = parsePeerUrl(text);
  if ('problem' in peer) throw new Error(peer.problem);
  return peer;
}

test('whoever answers at a wanted URL is registered, linked, and told to call back', () => {
  const replica = new Replica(folder);
  replica.known.start([]);
  expect(replica.known.want(url(AT_B))).toBeUndefined();
  expect(replica.network.calledBack).toEqual([AT_B]);
  replica.network.answer(AT_B, B);
  expect(replica.wanted.all).toEqual([AT_B]);
  expect(replica.carryOutAll()).toEqual([`register ${B} ${AT_B}`]);
  // Only now the core remembers it, so the file need not.
  expect(replica.wanted.all).toEqual([]);
  expect(replica.network.links).toEqual(new Map([[B, AT_B]]));
  expect(replica.known.want(url(AT_B))).toBe(B);
});

test('what was wanted is looked for after a crash, until the core has it', () => {
  new Replica(folder).known.want(url(AT_B));
  const second = new Replica(folder);
  second.known.start([]);
  second.network.answer(AT_B, B);
  // The core was told, and its disk had not answered when it died.
  const third = new Replica(folder);
  third.known.start([]);
  expect(third.network.asked).toEqual([AT_B]);
  third.network.answer(AT_B, B);
  third.carryOutAll();
  const fourth = new Replica(folder, [{ node: B, address: AT_B }]);
  fourth.known.start([]);
  expect(fourth.wanted.all).toEqual([]);
  // It is linked at once, and is asked only so that it links up too.
  expect(fourth.network.links).toEqual(new Map([[B, AT_B]]));
  fourth.network.answer(AT_B, B);
  expect(fourth.orders).toEqual([]);
});

test('what the core refuses for now is asked again, until it does it', () => {
  const replica = new Replica(folder);
  replica.known.want(url(AT_B));
  replica.network.answer(AT_B, B);
  for (let i = 0; i < 3; i++) {
    replica.network.up.add(B);
    replica.orders.shift()?.refuse();
    expect(replica.wanted.all).toEqual([AT_B]);
    jest.advanceTimersByTime(10_000);
    replica.network.answer(AT_B, B);
  }
  expect(replica.carryOutAll()).toEqual([`register ${B} ${AT_B}`]);
  expect(replica.wanted.all).toEqual([]);
  jest.advanceTimersByTime(60_000);
  expect(replica.network.asked).toEqual([]);
});

describe('an operator who changes his mind', () => {
  test('before anybody answers: nobody is asked any more, also after a restart', () => {
    const replica = new Replica(folder);
    replica.known.want(url(AT_B));
    expect(replica.known.giveUp(AT_B)).toBe(true);
    expect(replica.network.asked).toEqual([]);
    expect(replica.known.giveUp(AT_B)).toBe(false);
    expect(new WantedUrls(folder).all).toEqual([]);
  });

  test('while the core is told: the core is told the contrary, behind it', () => {
    const replica = new Replica(folder);
    replica.known.want(url(AT_B));
    replica.network.answer(AT_B, B);
    expect(replica.known.giveUp(AT_B)).toBe(true);
    expect(replica.known.idAt(AT_B)).toBe(B);
    replica.unregister(B);
    expect(replica.carryOutAll()).toEqual([`register ${B} ${AT_B}`, `unregister ${B}`]);
    expect(replica.peers).toEqual([]);
  });

  test('while a peer is asked anew: its late answer makes it no peer again', () => {
    const replica = new Replica(folder, [{ node: B, address: AT_B }]);
    replica.known.start([]);
    // It is a peer, and is down: so it is asked until it answers.
    expect(replica.known.want(url(AT_B))).toBe(B);
    replica.known.giveUp(AT_B);
    replica.unregister(B);
    replica.network.answer(AT_B, B);
    replica.carryOutAll();
    expect([replica.peers, replica.orders]).toEqual([[], []]);
    jest.advanceTimersByTime(10_000);
    expect(replica.network.links.size).toBe(0);
    expect(replica.known.count).toBe(0);
  });

  test('twice: then it is a peer', () => {
    const replica = new Replica(folder, [{ node: B, address: AT_B }]);
    replica.known.start([]);
    replica.network.answer(AT_B, B);
    replica.known.giveUp(AT_B);
    replica.unregister(B);
    replica.carryOutAll();
    expect(replica.known.want(url(AT_B))).toBeUndefined();
    expect(new WantedUrls(folder).all).toEqual([AT_B]);
    replica.network.answer(AT_B, B);
    expect(replica.carryOutAll()).toEqual([`register ${B} ${AT_B}`]);
    jest.advanceTimersByTime(10_000);
    expect(replica.peers).toEqual([`${B} ${AT_B}`]);
    expect(replica.network.links).toEqual(new Map([[B, AT_B]]));
  });

  test('about another name of a peer: nobody is asked there any more', () => {
    const replica = new Replica(folder);
    replica.known.want(url(AT_C));
    replica.network.refuse(AT_C);
    // Meanwhile somebody else says that it is a peer that is linked by its first name.
    replica.known.introduced(url(AT_B), B);
    replica.network.up.add(B);
    replica.become([{ node: B, address: AT_C }]);
    replica.known.giveUp(AT_C);
    replica.unregister(B);
    replica.carryOutAll();
    jest.advanceTimersByTime(60_000);
    expect([replica.network.asked, replica.known.count]).toEqual([[], 0]);
  });
});

test('peers that the core learns of are linked; those that it forgets only after a while', () => {
  const replica = new Replica(folder);
  replica.known.start([]);
  replica.become([
    { node: B, address: AT_B },
    { node: C, address: AT_C },
  ]);
  expect(replica.network.links).toEqual(
    new Map([
      [B, AT_B],
      [C, AT_C],
    ]),
  );
  replica.become([{ node: C, address: AT_C }]);
  jest.advanceTimersByTime(9_999);
  // It has still to hear that it is no peer.
  expect(replica.network.links.has(B)).toBe(true);
  jest.advanceTimersByTime(1);
  expect(replica.network.links).toEqual(new Map([[C, AT_C]]));
});

test('who is forgotten and learned of again in the meantime stays', () => {
  const replica = new Replica(folder);
  replica.become([{ node: B, address: AT_B }]);
  replica.become([]);
  replica.become([{ node: B, address: AT_B }]);
  jest.advanceTimersByTime(60_000);
  expect(replica.network.links).toEqual(new Map([[B, AT_B]]));
});

test('another replica at the URL of a peer takes its place', () => {
  const replica = new Replica(folder, [{ node: B, address: AT_B }]);
  replica.known.start([]);
  replica.network.answer(AT_B, C);
  expect(replica.carryOutAll()).toEqual([`unregister ${B}`, `register ${C} ${AT_B}`]);
  expect(replica.peers).toEqual([`${C} ${AT_B}`]);
  expect(replica.network.links).toEqual(new Map([[C, AT_B]]));
  // The new one cannot know of this replica: it is asked to call back.
  expect(replica.network.calledBack).toEqual([AT_B, AT_B]);
});

test('a URL that leads to this replica itself is forgotten', () => {
  const replica = new Replica(folder);
  replica.known.want(url(AT_B));
  replica.network.answer(AT_B, SELF);
  expect([replica.wanted.all, replica.known.count, replica.orders]).toEqual([[], 0, []]);
});

test('strangers are let in for a while, and only so many; a peer that has moved is believed', () => {
  const replica = new Replica(folder, [{ node: B, address: AT_B }]);
  replica.known.start([]);
  for (let i = 0; i < 100; i++)
    replica.known.introduced(url(`http://x:${1000 + i}`), nodeId(`x${i}`));
  expect(replica.network.links.size).toBe(1 + 64);
  expect(replica.orders).toEqual([]);
  jest.advanceTimersByTime(10_000);
  expect([...replica.network.links.keys()]).toEqual([B]);
  replica.known.introduced(url(AT_C), B);
  expect(replica.carryOutAll()).toEqual([`register ${B} ${AT_C}`]);
  expect(replica.network.links).toEqual(new Map([[B, AT_C]]));
});

test('nobody comes to a URL of a linked peer by saying that he lives there', () => {
  const replica = new Replica(folder, [{ node: B, address: AT_B }]);
  replica.known.start([]);
  replica.network.answer(AT_B, B);
  replica.network.up.add(B);
  replica.known.introduced(url(AT_C), B);
  expect(replica.network.links).toEqual(new Map([[B, AT_B]]));
});
