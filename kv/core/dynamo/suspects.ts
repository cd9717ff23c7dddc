/**
 * Who is thought to be out of reach. Suspicion is local and remembered: a node that did not answer is
 * not asked anew by each request, but by a ping now and then, until anything is heard of it. It is
 * never said to others, and changes nothing about who belongs to the group.
 */

import type { NodeId } from '../ids';

interface Suspect {
  readonly since: number;
  /** The next ping, and how long to wait after it. */
  probeAt: number;
  waitMs: number;
}

export class Suspects {
  private readonly suspects = new Map<NodeId, Suspect>();
  private readonly heardAt = new Map<NodeId, number>();

  constructor(
    private readonly probeMinMs: number,
    private readonly probeMaxMs: number,
  ) {}

  has(node: NodeId): boolean {
    return this.suspects.has(node);
  }

  get all(): readonly NodeId[] {
    return [...this.suspects.keys()];
  }

  /** Whether this is new. */
  add(node: NodeId, now: number): boolean {
    if (this.suspects.has(node)) return false;
    const waitMs = this.probeMinMs;
    this.suspects.set(node, { since: now, probeAt: now + waitMs, waitMs });
    return true;
  }

  /** Something was heard of a node; whether it had been suspected. */
  heard(node: NodeId, now: number): boolean {
    this.heardAt.set(node, now);
    return this.suspects.delete(node);
  }

  heardSince(node: NodeId, moment: number): boolean {
    return (this.heardAt.get(node) ?? Number.NEGATIVE_INFINITY) >= moment;
  }

  forget(node: NodeId): void {
    this.suspects.delete(node);
    this.heardAt.delete(node);
  }

  /** A link came up: worth a ping at once. */
  probeSoon(node: NodeId, now: number): void {
    const suspect = this.suspects.get(node);
    if (suspect !== undefined) suspect.probeAt = Math.min(suspect.probeAt, now);
  }

  /** Whom to ping now. */
  due(now: number): NodeId[] {
    const due: NodeId[] = [];
    for (const [node, suspect] of this.suspects) {
      if (suspect.probeAt > now) continue;
      suspect.waitMs = Math.min(this.probeMaxMs, suspect.waitMs * 2);
      suspect.probeAt = now + suspect.waitMs;
      due.push(node);
    }
    return due;
  }

  get nextProbe(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { probeAt } of this.suspects.values()) next = Math.min(next, probeAt);
    return next;
  }
}
