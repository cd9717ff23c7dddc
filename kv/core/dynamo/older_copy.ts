/**
 * A data folder that was set back to an older copy does not know which epochs were used after that
 * copy, so its node names new versions as it has named others. Nobody can undo that, so the node stops
 * as soon as it hears of a dot of its own that it has not issued, or has issued for another value; it
 * alone: others only keep what they have and tell it.
 */

import { invariant } from '../assert';
import type { ByteString } from '../command';
import type { NodeId } from '../ids';
import { WIDTH } from './past';
import type { DynamoState } from './state';
import { contradicted, type Versions } from './versions';

const ADVICE =
  'D13: the data folder of this node was set back to an older copy: move it away and start with an empty one, the node is filled again from its peers';

/** D13: what others tell of this node's own dots is what it has issued. */
export function checkOwnDots(node: DynamoState, key: ByteString, versions: Versions): void {
  const { issuer, options } = node;
  for (const { dot, past } of versions) {
    const isOwn = dot.storage === options.storage;
    const { epoch, counter } = dot;
    invariant(!isOwn || issuer.canHaveIssued(key, epoch, counter), ADVICE, { key, epoch, counter });
    for (let at = 0; at < past.length; at += WIDTH) {
      if (past[at] !== options.storage) continue;
      const [seen, , last] = past.slice(at + 1, at + WIDTH) as [number, number, number];
      invariant(issuer.canHaveIssued(key, seen, last), ADVICE, { key, epoch: seen, counter: last });
    }
  }
}

/**
 * Whether a dot of these is held with another value. If it is one of this node's own, the node stops;
 * else whoever has sent it, who may be its author, is told what it was before.
 */
export function isContradiction(
  node: DynamoState,
  from: NodeId | undefined,
  key: ByteString,
  versions: Versions,
): boolean {
  const held = contradicted(node.store.versionsOf(key), versions);
  if (held === undefined) return false;
  const { storage, epoch, counter } = held.dot;
  invariant(storage !== node.options.storage, ADVICE, { key, epoch, counter });
  node.narrate(`knows another value of ${key} by the name of ${storage}.${epoch}.${counter}`);
  if (from !== undefined) {
    const entries = [{ key, versions: [held] }];
    node.send(from, { kind: 'push', exchange: 0, entries }, 'bulk');
  }
  return true;
}
