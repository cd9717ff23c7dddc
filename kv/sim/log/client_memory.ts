/** What simulated clients of the log do, and what they remember. */

import type { NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { Write } from './log_operation';

/** How far a client has read, and in which log. */
interface Place {
  readonly log: string;
  readonly next: number;
}

export type Intent =
  | { readonly kind: 'append'; readonly write: Write; readonly isAgain: boolean }
  | { readonly kind: 'read'; readonly place: Place | undefined; readonly isFollow: boolean }
  | { readonly kind: 'replicate' }
  | { readonly kind: 'clear' };

const REMEMBERED = 5;

export class ClientMemory {
  private readonly places = new Map<string, Place>();
  private readonly written = new Map<string, Write[]>();
  readonly writes: Write[] = [];

  constructor(
    private readonly copies: number,
    private readonly mode: { readonly external: boolean; readonly clear: boolean },
  ) {}

  next(client: string, prng: Prng): Intent {
    const what = prng.between(1, 100);
    if (what <= 55) return this.append(client, prng);
    if (what <= 65 && this.mode.external) return { kind: 'replicate' };
    if (what <= 57 && this.mode.clear) return { kind: 'clear' };
    return { kind: 'read', place: this.places.get(client), isFollow: what > 85 };
  }

  /** A message that nobody has written before. */
  write(w: number | undefined, isNamed: boolean): Write {
    const body = `message ${this.writes.length + 1}`;
    const id = isNamed ? `id ${this.writes.length + 1}` : undefined;
    const write: Write = { body, id, w, outcome: 'unknown' };
    this.writes.push(write);
    return write;
  }

  read(client: string, log: string, next: number): void {
    this.places.set(client, { log, next });
  }

  /** What it has read is gone, or is another node's. */
  forgetPlace(client: string): void {
    this.places.delete(client);
  }

  forget(client: string): void {
    this.places.delete(client);
    this.written.delete(client);
  }

  private append(client: string, prng: Prng): Intent {
    const mine = this.written.get(client) ?? [];
    if (mine.length > 0 && prng.chance(1, 8)) {
      return { kind: 'append', write: prng.pick(mine), isAgain: true };
    }
    const w = prng.pick([undefined, 1, 1, prng.between(1, this.copies)]);
    const write = this.write(w, prng.chance(3, 4));
    if (write.id !== undefined) this.written.set(client, [write, ...mine].slice(0, REMEMBERED));
    return { kind: 'append', write, isAgain: false };
  }
}

/** Mostly the node that can do it; now and then another, which must say so. */
export function nodeFor(prng: Prng, right: NodeId, all: readonly NodeId[]): NodeId {
  return prng.chance(1, 30) ? prng.pick(all) : right;
}
