/** What a group of Dynamo nodes looks like when nothing is left to do. */

import { partitionOf } from '../../core/dynamo/ring';
import type { DynamoState } from '../../core/dynamo/state';
import type { Versions } from '../../core/dynamo/versions';

type Node = Readonly<DynamoState>;

/** What a node is in the middle of, that a fault may spoil. */
export function delicateMoments(node: Node): string[] {
  const { changing, snapshots, deliveries, collecting } = node;
  return [
    ...(node.issuer.isReady ? [] : ['waits for its first epoch']),
    ...(node.untold.size === 0 ? [] : ['has news of members']),
    ...(changing === undefined ? [] : [`is about to be ${changing}`]),
    ...(collecting === undefined ? [] : ['collects its share']),
    ...(snapshots.isTaking ? ['takes a snapshot'] : []),
    ...(deliveries.hints + deliveries.moves === 0 ? [] : ['owes keys']),
  ];
}

/** What is not at rest; undefined when everything is. `show` gives what clients see of versions. */
export function unrestOfGroup(
  nodes: readonly Node[],
  show: (key: string, versions: Versions) => string,
): string | undefined {
  for (const node of nodes) {
    const problem = unrestOfNode(node);
    if (problem !== undefined) return `${node.self} ${problem}`;
  }
  // Nobody tells those who have left.
  const members = nodes.filter(({ standing }) => standing === 'member');
  const [first] = members;
  const other = members.find(({ table }) => table.digest !== first?.table.digest);
  if (first === undefined) return 'there is nobody';
  if (other !== undefined) return `${other.self} has another table of members than ${first.self}`;
  return unrestOfData(nodes, first, show);
}

function unrestOfNode(node: Node): string | undefined {
  const { standing, changing, sweep, snapshots, journal, deliveries, operations, suspects } = node;
  if (standing !== 'member' && standing !== 'left') return `is ${standing}`;
  if (changing !== undefined || sweep !== undefined) return 'is changing';
  if (snapshots.isTaking) return 'is taking a snapshot';
  if (journal.isBusy) return 'waits for its disk';
  if (deliveries.hints > 0) return `has ${deliveries.hints} hints`;
  if (deliveries.moves > 0) return `owes ${deliveries.moves} keys`;
  if (operations.size > 0) return `has ${operations.size} operations`;
  if (node.pendingRequests > 0) return `owes ${node.pendingRequests} answers`;
  if (suspects.all.length > 0) return `suspects ${suspects.all.join(' ')}`;
  if (node.untold.size > 0) return `has not told ${[...node.untold].join(' ')}`;
  return undefined;
}

/** Every key is on its homes and nowhere else, the same on all of them. */
function unrestOfData(
  nodes: readonly Node[],
  { table }: Node,
  show: (key: string, versions: Versions) => string,
): string | undefined {
  const keys = new Set(nodes.flatMap(({ store }) => [...store.keys()]));
  for (const key of keys) {
    const homes = table.current.homesOf(partitionOf(key));
    const shown = new Set<string>();
    for (const { self, store } of nodes) {
      const versions = store.versionsOf(key);
      if (homes.includes(self)) shown.add(show(key, versions));
      else if (versions.length > 0) return `${self} holds ${key}, which is not its own`;
    }
    if (shown.size > 1) return `the replicas of ${key} differ: ${[...shown].join(' | ')}`;
  }
  return undefined;
}
