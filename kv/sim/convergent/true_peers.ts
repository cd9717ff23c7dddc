/**
 * The dumb oracle of who is a peer: it knows every word of an operator, and for somebody who has seen
 * this much the last of these counts, by the clock's order. Nothing else makes anybody a peer or ends
 * it: what a node finds out itself may not.
 */

import type { ConvergentRecord } from '../../core/convergent/journal';
import type { Parts } from '../../core/convergent/parts';
import { peerKey } from '../../core/convergent/peers';
import type { RegisterRequest, UnregisterRequest } from '../../core/convergent/requests';
import type { NodeId } from '../../core/ids';
import { Violation } from '../violation';
import { byStamp, isIn, type Seen } from './true_update';

/** What an operator can ask for. */
export type Order = RegisterRequest | UnregisterRequest;

export interface Word {
  readonly peer: NodeId;
  readonly isPeer: boolean;
  readonly time: number;
  readonly replica: number;
}

export class TruePeers {
  private words: Word[] = [];

  constructor(private readonly members: readonly NodeId[]) {}

  /** What a replica has just said in a record of its own about who is a peer. */
  said(cells: ConvergentRecord['cells'], time: number, replica: number): Word[] {
    const said = this.members.flatMap((peer) => {
      const cell = cells.find(({ key }) => key === peerKey(peer));
      const part = cell?.parts.find(({ stamp }) => stamp.time === time);
      return part === undefined ? [] : [{ peer, isPeer: part.kind === 'value', time, replica }];
    });
    this.words.push(...said);
    return said;
  }

  /** What a replica has said after this time was lost before anybody heard of it. */
  dropAfter(replica: number, time: number): void {
    this.words = this.words.filter((word) => word.replica !== replica || word.time <= time);
  }

  /** The last word on somebody, as far as it was seen. */
  last(peer: NodeId, seen?: Seen): Word | undefined {
    return this.words
      .filter((word) => word.peer === peer && (seen === undefined || isIn(word, seen)))
      .sort(byStamp)
      .at(-1);
  }

  /**
   * The last word that an operator may count on: a registration that is not on the disk of who said it
   * may be lost with the process, and an unregistration before it may not.
   */
  lastToCountOn(peer: NodeId, durableOf: (replica: number) => number): Word | undefined {
    return this.words
      .filter((word) => word.peer === peer)
      .filter(({ isPeer, time, replica }) => !isPeer || time <= durableOf(replica))
      .sort(byStamp)
      .at(-1);
  }

  /** Whether the last word on somebody is that he is a peer, and all of these have seen it. */
  isSettled(peer: NodeId, all: readonly Seen[]): boolean {
    const last = this.last(peer);
    return last?.isPeer === true && all.every((seen) => isIn(last, seen));
  }

  /** Holds what a replica shows against what it has seen. */
  check(node: NodeId, seen: Seen, partsOf: (key: string) => Parts | undefined): void {
    for (const peer of this.members) {
      const is = partsOf(peerKey(peer))?.some(({ kind }) => kind === 'value') === true;
      const should = this.last(peer, seen)?.isPeer === true;
      if (is === should) continue;
      fail(
        `${node} has ${peer} for ${is ? 'a' : 'no'} peer, and the last word it has seen differs`,
      );
    }
  }
}

/** What a node has said in a step: it was asked to, and has not said half of it. */
export function checkAsked(node: NodeId, words: readonly Word[], orders: readonly Order[]): void {
  const says = (peer: NodeId): boolean => words.some((word) => word.peer === peer && word.isPeer);
  for (const { kind, peer } of orders) {
    // Who registers somebody is a peer too, and may have been unregistered elsewhere.
    const isHalf = kind === 'register' && says(peer) && !says(node);
    if (isHalf) fail(`${node} registers ${peer}, and not itself`);
  }
  for (const { peer, isPeer } of words) {
    const isAsked = orders.some((order) =>
      isPeer
        ? order.kind === 'register' && (order.peer === peer || node === peer)
        : order.kind === 'unregister' && order.peer === peer,
    );
    if (!isAsked) fail(`${node} ${isPeer ? 'registers' : 'unregisters'} ${peer} of its own accord`);
  }
}

function fail(message: string): never {
  throw new Violation('peers', message);
}
