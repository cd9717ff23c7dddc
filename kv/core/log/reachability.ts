/**
 * Who is in reach. The failure detector is a clock for each secondary: silent for a while it is
 * Suspected, for longer Unhealthy. It decides nothing about the log; it is for people, for the time of
 * retries, and for the quorum append.
 */

import { type OperatingError, operatingError } from '../errors';
import { majority } from '../quorum';
import { ENTRY_OVERHEAD } from './entry';
import type { Progress } from './progress';
import { whyFull } from './retention';
import type { Master } from './roles';
import type { LogState } from './state';
import type { Health } from './status';

export function healthOf(node: LogState, master: Master, progress: Progress): Health {
  const { suspectAfterMs, unhealthyAfterMs } = master.options;
  return progress.healthAt(node.now, suspectAfterMs, unhealthyAfterMs);
}

/** Anything was heard of a secondary: if it had been silent, what it lacks is sent at once. */
export function heard(node: LogState, master: Master, progress: Progress): void {
  if (healthOf(node, master, progress) !== 'healthy') progress.sendAgainSoon(node.now);
  progress.heardAt = node.now;
  progress.isCutOff = false;
  tellHealth(node, master, progress);
}

/** The connection to a secondary was made or lost: no more than a hint. */
export function linkChanged(node: LogState, master: Master, progress: Progress, up: boolean): void {
  if (!up) {
    progress.isCutOff = true;
    return;
  }
  progress.sendAgainSoon(node.now);
  if (master.learning === undefined) sendHeartbeat(node, progress);
}

/** Asks each secondary how far it is; whom nobody knows yet as well. */
export function beat(node: LogState, master: Master): void {
  if (node.now < master.nextHeartbeat) return;
  master.nextHeartbeat = node.now + master.options.heartbeatMs;
  for (const progress of master.all) {
    tellHealth(node, master, progress);
    sendHeartbeat(node, progress);
  }
}

function sendHeartbeat(node: LogState, { id, standing }: Progress): void {
  const { log, journal } = node;
  if (log.name === undefined || !log.isNameDurable(journal.durable)) return;
  const { name, first, durableEnd: end } = log;
  node.send(id, { kind: 'heartbeat', attempt: standing.attempt, name, first, end });
}

function tellHealth(node: LogState, master: Master, progress: Progress): void {
  const health = healthOf(node, master, progress);
  if (health === progress.toldHealth) return;
  progress.toldHealth = health;
  node.narrate(`${progress.id} is ${health}`);
}

/** Why appends are not taken just now. */
export function whyNotWritable(node: LogState, master: Master): OperatingError | undefined {
  const { all, copies, options, learning } = master;
  if (learning !== undefined) return learning.why(all);
  for (const { standing, id } of all) {
    if (standing.kind !== 'conflict' || !standing.blocks) continue;
    return operatingError('log_conflict', `${id} ${standing.problem}`, { secondary: id });
  }
  // Not even the smallest message has room.
  const full = whyFull(node, master, ENTRY_OVERHEAD);
  if (full !== undefined || !options.quorumAppend) return full;
  const reached = all.filter(
    (progress) => progress.isFollowing && healthOf(node, master, progress) !== 'unhealthy',
  );
  const reachable = 1 + reached.length;
  const needed = majority(copies);
  if (reachable >= needed) return undefined;
  const why = 'Too few nodes are in reach; the master is read-only until a majority is back';
  return operatingError('no_quorum', why, { reachable, needed });
}
