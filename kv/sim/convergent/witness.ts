/**
 * One node as an observer sees it: what its journal says that it has seen and holds, record by
 * record, and how much of that is durable. Every record is held against the oracle before it takes
 * effect: whatever is ever visible, also for a moment, is visible after some record.
 */

import { type ConvergentRecord, decodeRecord } from '../../core/convergent/journal';
import type { Parts } from '../../core/convergent/parts';
import { joined } from '../../core/convergent/pieces';
import type { Store } from '../../core/convergent/store';
import type { NodeId } from '../../core/ids';
import type { JournalRecord } from '../../core/protocol';
import { Violation } from '../violation';
import type { TrueHistory } from './true_history';
import { viewText } from './true_key';
import type { TruePeers, Word } from './true_peers';
import { isWithin, type Seen, type Update } from './true_update';

/** What the subject knows of keys and clocks that the witness must judge by. */
export interface WitnessHost {
  readonly history: TrueHistory;
  /** Keys of which nothing is known for certain (`convergent_subject.ts` says why). */
  readonly uncertain: ReadonlySet<string>;
  readonly peers: TruePeers;
  /** A node has made an update: which of a client's it was. */
  made(node: NodeId, update: Update): void;
  /** The node has said who is a peer. */
  said(words: readonly Word[]): void;
  /** The latest stamp that a node may take from another just now. */
  latest(node: NodeId): number;
}

interface Pending {
  readonly sequence: number;
  readonly seen: Seen;
}

const isReserved = (key: string): boolean => key.startsWith('\0');

export class Witness {
  seen: Seen;
  durable: Seen;
  /** What the node has seen at each moment of its last step at which something became visible. */
  moments: Seen[];
  private readonly held = new Map<string, Parts>();
  private pending: Pending[] = [];
  private pieces: ConvergentRecord['cells'][number][] = [];

  /** A node has started with this. */
  constructor(
    readonly node: NodeId,
    readonly replica: number,
    store: Store,
    seen: Seen,
    private readonly host: WitnessHost,
  ) {
    this.seen = this.durable = seen;
    this.moments = [seen];
    for (const key of store.keys()) this.held.set(key, store.partsOf(key));
    this.checkKeys('recovery', [...this.held.keys(), ...host.history.keys]);
    host.history.checkCauses(node, seen, host.history.between(new Map(), seen));
    this.checkPeers();
  }

  stepBegins(): void {
    this.moments = [this.seen];
  }

  hand(records: readonly JournalRecord[], through: number): void {
    records.forEach((record, i) => {
      this.take(decodeRecord(record));
      this.pending.push({ sequence: through - records.length + 1 + i, seen: this.seen });
    });
  }

  persisted(through: number): void {
    while (this.pending.length > 0 && (this.pending[0] as Pending).sequence <= through) {
      this.durable = (this.pending.shift() as Pending).seen;
    }
  }

  private take(record: ConvergentRecord): void {
    if (record.kind === 'piece') {
      this.pieces.push(...record.cells);
      return;
    }
    // A witness hears every record: all pieces before this one are its own.
    const cells = joined([...this.pieces, ...record.cells]);
    this.pieces = [];
    const before = this.seen;
    this.seen = new Map([...before, ...record.seen]);
    for (const { key, parts } of cells) this.held.set(key, parts);
    const { history } = this.host;
    const made = record.seen.get(this.replica);
    if (made !== undefined) this.noteMade(cells, made, before);
    const fresh = history.between(before, this.seen);
    history.checkCauses(this.node, this.seen, fresh);
    this.checkStamps(fresh);
    const keys = [
      ...cells.map(({ key }) => key),
      ...fresh.flatMap(({ changes }) => [...changes.keys()]),
    ];
    this.checkKeys('state', keys);
    this.checkPeers();
    this.moments.push(this.seen);
  }

  /** A client's update is known by the unique text that it puts beside what else it does. */
  private noteMade(cells: ConvergentRecord['cells'], time: number, before: Seen): void {
    const { history, peers } = this.host;
    this.host.said(peers.said(cells, time, this.replica));
    const updates = cells.flatMap(({ parts }) =>
      parts.flatMap((part) => {
        const isOwn = part.stamp.time === time && part.stamp.replica === this.replica;
        const name = isOwn && part.kind === 'value' ? part.text.slice(1, -1) : '';
        return history.named(name) ?? [];
      }),
    );
    const [update] = updates;
    history.make(update, this.replica, time, before);
    if (update !== undefined) this.host.made(this.node, update);
  }

  private checkStamps(fresh: readonly Update[]): void {
    const latest = this.host.latest(this.node);
    for (const { name, time, replica } of fresh) {
      if (replica === this.replica || time <= latest) continue;
      fail('drift', `${this.node} takes ${name}, which is far ahead of its clock`);
    }
  }

  private checkKeys(checker: 'state' | 'recovery', keys: readonly string[]): void {
    for (const key of new Set(keys)) {
      if (isReserved(key) || this.host.uncertain.has(key)) continue;
      const [is, should] = [this.viewOf(key), this.host.history.view(key, this.seen)];
      if (is !== should) fail(checker, `${this.node} has ${key} = "${is}", should be "${should}"`);
    }
  }

  private checkPeers(): void {
    this.host.peers.check(this.node, this.seen, (key) => this.held.get(key));
  }

  /** What clients would be shown of a key. */
  viewOf(key: string): string {
    const parts = this.held.get(key) ?? [];
    const last = parts.findLast(({ kind }) => kind !== 'deleted' && kind !== 'removed');
    if (last === undefined) return '';
    const texts = parts
      .filter(({ kind }) => kind === last.kind)
      .map((part) =>
        part.kind === 'count' ? String(part.amount) : 'text' in part ? part.text : '',
      );
    const types = {
      value: 'value',
      count: 'counter',
      element: 'set',
      sibling: 'register',
    } as const;
    return viewText(types[last.kind as keyof typeof types], texts);
  }

  /** Whether what a moment shows of a key is on the disk. */
  isDurable(key: string, seen: Seen): boolean {
    if (isWithin(seen, this.durable)) return true;
    const { history } = this.host;
    return history.view(key, seen) === history.view(key, this.durable);
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
