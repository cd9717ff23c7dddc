/** What the nodes of a log look like when nothing is left to do. */

import { isSameLog } from '../../core/log/log_name';
import type { Master, Secondary } from '../../core/log/roles';
import type { LogState } from '../../core/log/state';

type Node = Readonly<LogState>;

/** What a node is in the middle of, that a fault may spoil. */
export function delicateMoments({ role, log, journal, taking }: Node): string[] {
  const common = [
    ...(taking === undefined ? [] : ['takes a snapshot']),
    ...(log.isNameDurable(journal.durable) ? [] : ['begins a log']),
  ];
  if (role.kind === 'master') {
    return [
      ...common,
      ...(role.learning === undefined ? [] : ['does not know its log']),
      ...(log.durableEnd < log.end ? ['waits for its disk'] : []),
      ...(role.clearings.length > 0 ? ['clears the log'] : []),
      ...(role.all.some(({ isProbing }) => isProbing) ? ['sends again'] : []),
      ...(role.all.some(({ standing }) => standing.kind === 'absent') ? ['misses somebody'] : []),
    ];
  }
  return [
    ...common,
    ...(role.held.size > 0 ? ['holds messages back'] : []),
    ...(log.durableEnd < log.end ? ['is about to acknowledge'] : []),
    ...(role.confirmedEnd < log.end ? ['has unconfirmed messages'] : []),
  ];
}

/** What is not at rest; undefined when everything is. */
export function unrestOfLogs(nodes: readonly Node[]): string | undefined {
  const master = nodes.find(({ role }) => role.kind === 'master');
  if (master === undefined) return 'there is no master';
  for (const node of nodes) {
    const problem = unrestOfNode(node, master);
    if (problem !== undefined) return `${node.self} ${problem}`;
  }
  return undefined;
}

function unrestOfNode(node: Node, master: Node): string | undefined {
  const { journal, taking, followers, role } = node;
  if (journal.isBusy) return 'waits for its disk';
  if (taking !== undefined) return 'is taking a snapshot';
  if (role.kind === 'master' && role.learning !== undefined) return 'does not know its log';
  if (followers.size > 0) return `has ${followers.size} readers that wait`;
  return role.kind === 'master' ? unrestOfMaster(node, role) : unrestOfCopy(node, role, master);
}

function unrestOfMaster({ log, now }: Node, { waiting, clearings, all, options }: Master) {
  if (waiting.size + clearings.length > 0) return `owes ${waiting.size + clearings.length} answers`;
  for (const progress of all) {
    const { id, standing, match, inFlight } = progress;
    const health = progress.healthAt(now, options.suspectAfterMs, options.unhealthyAfterMs);
    if (standing.kind !== 'following') return `finds ${id} ${standing.kind}`;
    if (match !== log.end || inFlight > 0) return `knows of ${match} of ${log.end} at ${id}`;
    if (health !== 'healthy') return `finds ${id} ${health}`;
  }
  return undefined;
}

function unrestOfCopy({ log }: Node, secondary: Secondary, master: Node): string | undefined {
  const { held, delayed, confirmedEnd } = secondary;
  if (held.size + delayed.length > 0) return `holds ${held.size} and delays ${delayed.length}`;
  if (!isSameLog(log.name, master.log.name)) return 'has another log';
  const isEqual = log.first === master.log.first && log.end === master.log.end;
  if (!isEqual || confirmedEnd !== log.end) {
    return `has ${log.first}..${log.end}, the master ${master.log.first}..${master.log.end}`;
  }
  for (let order = log.first; order < log.end; order++) {
    if (log.at(order).id !== master.log.at(order).id) return `has another message at ${order}`;
  }
  return undefined;
}
