/**
 * What this node owes to others: keys that it keeps until somebody else has them.
 *
 * A *hint* says that this node stood in for a replica that could not be reached (Dynamo §4.6). Hints
 * are in the journal and bounded. A *move* says that a key lies here although the ring does not
 * choose this node for it, or not for long; moves follow from the ring and from what is held, so
 * they are not in the journal, and there cannot be more of them than of what is held.
 */

import type { ByteString } from '../command';
import type { NodeId } from '../ids';

export type Debt = 'hint' | 'move';

export class Deliveries {
  private readonly debts = new Map<NodeId, Map<ByteString, Debt>>();
  private hintsHeld = 0;
  private movesHeld = 0;

  get hints(): number {
    return this.hintsHeld;
  }

  get moves(): number {
    return this.movesHeld;
  }

  /** To whom anything is owed. */
  get creditors(): readonly NodeId[] {
    return [...this.debts.keys()];
  }

  debtOf(node: NodeId, key: ByteString): Debt | undefined {
    return this.debts.get(node)?.get(key);
  }

  /** Whether anybody is owed this key. */
  owes(key: ByteString): boolean {
    for (const keys of this.debts.values()) if (keys.has(key)) return true;
    return false;
  }

  owedTo(node: NodeId): ReadonlyMap<ByteString, Debt> {
    return this.debts.get(node) ?? NOTHING;
  }

  /** Whether this is new: a hint stays one, a move becomes one. */
  add(node: NodeId, key: ByteString, debt: Debt): boolean {
    const before = this.debtOf(node, key);
    if (before === debt || before === 'hint') return false;
    if (before === 'move') this.movesHeld--;
    let keys = this.debts.get(node);
    if (keys === undefined) {
      keys = new Map();
      this.debts.set(node, keys);
    }
    keys.set(key, debt);
    if (debt === 'hint') this.hintsHeld++;
    else this.movesHeld++;
    return true;
  }

  settle(node: NodeId, key: ByteString): Debt | undefined {
    const keys = this.debts.get(node);
    const debt = keys?.get(key);
    if (keys === undefined || debt === undefined) return undefined;
    keys.delete(key);
    if (keys.size === 0) this.debts.delete(node);
    if (debt === 'hint') this.hintsHeld--;
    else this.movesHeld--;
    return debt;
  }

  clear(): void {
    this.debts.clear();
    this.hintsHeld = this.movesHeld = 0;
  }
}

const NOTHING: ReadonlyMap<ByteString, Debt> = new Map();
