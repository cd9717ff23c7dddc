/**
 * Keeps the network and the core agreed about who the peers are.
 *
 * The core knows peers by id, and spreads that knowledge; an operator knows them by URL. So this is
 * where URLs become ids (`UrlPeers` asks), where what the core has learned becomes connections, and
 * where a replica that lives at the URL of another one takes its place.
 */

import type { NodeId } from '../core/ids';
import type { Log } from '../runtime/log';
import { type PeerUrl, parsePeerUrl } from '../runtime/peer_url';
import { type KnownUrl, UrlPeers, type UrlPeersOptions } from '../runtime/url_peers';
import type { WantedUrls } from './wanted_urls';

/** A peer as the core knows it. */
export interface PeerEntry {
  readonly node: NodeId;
  readonly address: string;
}

export interface KnownReplicasOptions {
  readonly self: NodeId;
  readonly transport: UrlPeersOptions['transport'];
  readonly log: Log;
  readonly wanted: WantedUrls;
  /** The peers that the core knows. The same list as long as nothing has changed. */
  readonly entries: () => readonly PeerEntry[];
  /** Tells the core; `done` once it is durable there, or was refused for now. */
  readonly register: (peer: NodeId, address: string, done: (isDone: boolean) => void) => void;
  readonly unregister: (peer: NodeId) => void;
}

/** So long a connection is kept to those who are peers no more, or not yet. */
const GRACE_MS = 10_000;
/** What the core refused, because too much waited for its disk, it is asked again after this. */
const AGAIN_MS = 2_000;
/** So many of them at a time: whoever reaches the port may knock. */
const MAX_STRANGERS = 64;

export class KnownReplicas {
  private readonly urls: UrlPeers;
  private entries: readonly PeerEntry[] = [];
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly retries = new Map<string, NodeJS.Timeout>();
  /**
   * URLs whose replica an operator wants no more. Answers may still be under way from there, to
   * questions of before: they make nobody a peer again.
   */
  private readonly givenUp = new Set<string>();
  private isStopped = false;

  constructor(private readonly options: KnownReplicasOptions) {
    const { self, transport, log } = options;
    this.urls = new UrlPeers({
      ...{ self, transport, log },
      found: (peer, id, before) => this.found(peer, id, before),
    });
  }

  /** To be called once the transport has started. */
  start(peers: readonly string[]): void {
    this.look();
    // Whoever has moved meanwhile says so to all that it knows.
    for (const { node: id, address } of this.entries) this.add(address, { id, callMeBack: true });
    for (const url of [...this.options.wanted.all, ...peers]) {
      this.add(url, { callMeBack: true });
    }
  }

  /**
   * An operator wants the replica at this URL for a peer. Durable when it returns; where it returns
   * an id, that one is a peer by now, and the core is to be told that it shall be one.
   */
  want(peer: PeerUrl): NodeId | undefined {
    const known = this.urls.known.find(({ url }) => url === peer.url)?.id;
    const entry = known !== undefined && this.isEntry(known) ? known : undefined;
    this.givenUp.delete(peer.url);
    if (entry === undefined) this.options.wanted.add(peer.url);
    this.urls.add(peer, { callMeBack: true });
    return entry;
  }

  /** How many URLs lead, or are to lead, to peers. */
  get count(): number {
    return this.urls.known.length;
  }

  has(url: string): boolean {
    return this.urls.known.some((one) => one.url === url);
  }

  /**
   * An operator does not want the replica at this URL any more. Whether it was wanted, and not known
   * to be a peer yet. Durable when it returns, but for what the core is to be told.
   */
  giveUp(url: string): boolean {
    const wasWanted = this.options.wanted.remove(url);
    const place = this.urls.known.find((one) => one.url === url);
    if (place?.id === undefined) this.urls.remove(url);
    else {
      this.givenUp.add(url);
      this.forgetUnlessPeer(url);
    }
    return wasWanted;
  }

  /** Who is at a URL: as was heard there, or as the core knows. */
  idAt(url: string): NodeId | undefined {
    const heard = this.urls.known.find((one) => one.url === url)?.id;
    return heard ?? this.options.entries().find(({ address }) => address === url)?.node;
  }

  /**
   * Another replica was told of this one, or has moved. A stranger is let in, and becomes a peer if
   * its core says so; where a peer is now is for all to know.
   */
  introduced(peer: PeerUrl, id: NodeId): void {
    if (this.urls.known.some(({ url, id: known }) => url === peer.url && known === id)) return;
    if (this.isLinked(id) || this.timers.size >= MAX_STRANGERS) return;
    this.urls.add(peer, { id });
    if (this.isEntry(id)) this.options.register(id, peer.url, () => undefined);
    else this.forgetUnlessPeer(peer.url);
  }

  /** To be called after each step of the core. */
  look(): void {
    const entries = this.options.entries();
    if (entries === this.entries) return;
    this.entries = entries;
    const known = new Map(this.urls.known.map(({ url, id }) => [url, id]));
    const linked = new Set([...known.values()].filter((id) => this.isLinked(id)));
    for (const { node, address } of entries) {
      const peer = parsePeerUrl(address);
      if ('problem' in peer || known.get(peer.url) === node) continue;
      // What works is left alone: not everybody reaches a node by the same name.
      if (linked.has(node)) continue;
      // Two peers cannot live at one URL: who is there is asked.
      this.urls.add(peer, known.get(peer.url) === undefined ? { id: node } : {});
    }
    const nodes = new Set(entries.map(({ node }) => node));
    for (const [url, id] of known) {
      if (id !== undefined && !nodes.has(id)) this.forgetUnlessPeer(url);
    }
  }

  stop(): void {
    this.isStopped = true;
    this.urls.stop();
    for (const timer of [...this.timers.values(), ...this.retries.values()]) clearTimeout(timer);
  }

  private add(url: string, known: KnownUrl): void {
    const peer = parsePeerUrl(url);
    if (!('problem' in peer)) this.urls.add(peer, known);
  }

  private isLinked(id: NodeId | undefined): boolean {
    return id !== undefined && this.options.transport.connected(id);
  }

  private found(peer: PeerUrl, id: NodeId, before: NodeId | undefined): void {
    const { wanted, self, register, unregister } = this.options;
    if (this.givenUp.has(peer.url)) return;
    if (before !== undefined && before !== id && this.isEntry(before)) unregister(before);
    if (id === self) return wanted.found(peer.url);
    register(id, peer.url, (isDone) => {
      if (isDone) wanted.found(peer.url);
      else this.askAgainLater(peer);
    });
  }

  private askAgainLater(peer: PeerUrl): void {
    if (this.isStopped) return;
    clearTimeout(this.retries.get(peer.url));
    const timer = setTimeout(() => {
      this.retries.delete(peer.url);
      if (this.has(peer.url) && !this.givenUp.has(peer.url)) this.urls.add(peer);
    }, AGAIN_MS);
    this.retries.set(peer.url, timer);
  }

  private isEntry(id: NodeId): boolean {
    return this.options.entries().some(({ node }) => node === id);
  }

  private forgetUnlessPeer(url: string): void {
    if (this.timers.has(url)) return;
    const timer = setTimeout(() => {
      this.timers.delete(url);
      this.givenUp.delete(url);
      const id = this.urls.known.find((one) => one.url === url)?.id;
      const isWanted = this.options.wanted.has(url);
      if (id !== undefined && !this.isEntry(id) && !isWanted) this.urls.remove(url);
    }, GRACE_MS);
    this.timers.set(url, timer);
  }
}
