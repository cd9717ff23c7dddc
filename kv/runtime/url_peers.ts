/**
 * Peers that are known by the URL of their HTTP service, for systems whose nodes have an identity
 * of their own: who listens at a URL is asked, and then it is a peer like all others.
 *
 * A URL is asked until somebody answers, and again while its link is down, because another node may
 * live there by now (a wiped disk makes a new one). A replica has one URL: when another one leads to
 * it too, the last one that was added counts. A URL that leads to this very node is put aside.
 */

import type { NodeId } from '../core/ids';
import type { Introduction } from './handshake_dial';
import type { Log } from './log';
import type { PeerTransport } from './peer_transport';
import type { PeerUrl } from './peer_url';

export interface UrlPeersOptions {
  readonly self: NodeId;
  readonly transport: Pick<PeerTransport<never>, 'ask' | 'addPeer' | 'removePeer' | 'connected'>;
  readonly log: Log;
  /**
   * Who is at a URL: the answer to each `add` without an id, and news if it is another one than
   * `before`. `self` means that the URL is of no use. Never called from within `add`.
   */
  readonly found: (peer: PeerUrl, id: NodeId, before: NodeId | undefined) => void;
  readonly random?: () => number;
  readonly minRetryMs?: number;
  readonly maxRetryMs?: number;
}

/** How it came that a URL is known. */
export interface KnownUrl {
  /** Who was there when it was last asked; undefined if nobody has answered yet. */
  readonly id?: NodeId | undefined;
  /** Whether the replica is to be told to link up with this node too. */
  readonly callMeBack?: boolean;
}

interface Place {
  readonly peer: PeerUrl;
  id: NodeId | undefined;
  callMeBack: boolean;
  /** Whether the next answer is to be told, also if it is the same as before. */
  tell: boolean;
  /** Failures in a row. */
  failures: number;
  /** The last complaint, so that each is made once. */
  complaint: string;
  /** Ends the wait or the question that is under way. */
  cancel: () => void;
}

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 2_000;

export class UrlPeers {
  private readonly places = new Map<string, Place>();
  private stopped = false;

  constructor(private readonly options: UrlPeersOptions) {}

  /** Makes a URL known, or asks again at once at one that is. */
  add(peer: PeerUrl, { id, callMeBack = false }: KnownUrl = {}): void {
    if (this.stopped) return;
    const known = this.places.get(peer.url);
    const place: Place = known ?? {
      ...{ peer, id: undefined, callMeBack, tell: false, failures: 0, complaint: '' },
      cancel: () => undefined,
    };
    this.places.set(peer.url, place);
    place.failures = 0;
    place.callMeBack ||= callMeBack;
    place.tell ||= id === undefined;
    // What works is left alone: who is there now is asked.
    const { self, transport } = this.options;
    const isTaken = place.id !== undefined && place.id !== id && transport.connected(place.id);
    if (id !== undefined && id !== self && !isTaken) this.settle(place, id);
    if (id === undefined || isTaken || place.callMeBack) return this.ask(place);
    place.cancel();
    this.askLater(place);
  }

  /** Forgets a URL and whoever is there. */
  remove(url: string): void {
    const place = this.places.get(url);
    if (place === undefined) return;
    this.forget(place);
    if (place.id !== undefined) this.options.transport.removePeer(place.id);
  }

  /** Each URL, and who is there as far as is known. */
  get known(): readonly { readonly url: string; readonly id: NodeId | undefined }[] {
    return [...this.places.values()].map(({ peer, id }) => ({ url: peer.url, id }));
  }

  stop(): void {
    this.stopped = true;
    for (const { cancel } of this.places.values()) cancel();
  }

  private ask(place: Place): void {
    place.cancel();
    place.cancel = this.options.transport.ask(place.peer, place.callMeBack, (answer) =>
      this.answered(place, answer),
    );
  }

  private answered(place: Place, answer: Introduction): void {
    const { self, found, log } = this.options;
    if (!answer.ok) {
      this.complain(place, answer.reason);
      this.askLater(place);
      return;
    }
    const { from: id } = answer.welcome;
    const { peer, id: before } = place;
    place.failures = 0;
    place.complaint = '';
    place.callMeBack = false;
    const isNews = place.tell || before !== id;
    place.tell = false;
    if (id === self) {
      this.remove(peer.url);
      log.warn('the URL of a peer leads to this node itself', { url: peer.url });
      found(peer, id, before);
      return;
    }
    if (before !== undefined && before !== id) {
      log.warn('another replica lives at the URL of a peer', { url: peer.url, before, now: id });
    }
    this.settle(place, id);
    if (before === undefined || before === id) this.askLater(place);
    else {
      // The one before knew of this node; the new one cannot.
      place.callMeBack = true;
      this.ask(place);
    }
    if (isNews) found(peer, id, before);
  }

  /** From now on the replica is a peer at this URL and at no other. */
  private settle(place: Place, id: NodeId): void {
    const { transport, log } = this.options;
    for (const other of [...this.places.values()]) {
      if (other === place || other.id !== id) continue;
      this.forget(other);
      const urls = { replica: id, url: place.peer.url, before: other.peer.url };
      log.info('a replica has another URL now', urls);
    }
    // Whoever was there is known at no other URL.
    if (place.id !== undefined && place.id !== id) transport.removePeer(place.id);
    place.id = id;
    const { host, port, path } = place.peer;
    transport.addPeer({ id, host, port, path });
  }

  /** While the link is up there is no question who is there. */
  private askLater(place: Place): void {
    const { minRetryMs = MIN_RETRY_MS, maxRetryMs = MAX_RETRY_MS } = this.options;
    const { random = Math.random, transport } = this.options;
    const isPeer = place.id !== undefined;
    const longest = isPeer ? maxRetryMs : Math.min(maxRetryMs, minRetryMs * 2 ** place.failures);
    place.failures = Math.min(place.failures + 1, 20);
    const timer = setTimeout(
      () => {
        if (place.id !== undefined && transport.connected(place.id)) this.askLater(place);
        else this.ask(place);
      },
      longest / 2 + (longest / 2) * random(),
    );
    place.cancel = () => clearTimeout(timer);
  }

  private forget(place: Place): void {
    place.cancel();
    this.places.delete(place.peer.url);
  }

  private complain(place: Place, reason: string): void {
    // Once it is a peer, its lanes say what is wrong with it.
    if (place.id !== undefined || place.complaint === reason) return;
    place.complaint = reason;
    const { url } = place.peer;
    this.options.log.warn('nobody can be asked at the URL of a peer', { url, reason });
  }
}
