/**
 * A secondary's copy of the log: how it begins, and how it grows without ever showing a gap.
 *
 * What comes from the master is the log. What comes from outside (`external.ts`) is taken in
 * too, and compared with the master's message of the same order when that arrives: only what the
 * master has sent is acknowledged to it.
 */

import { type Entry, isSameEntry } from './entry';
import { type LogName, textOfName } from './log_name';
import type { Secondary } from './roles';
import { type LogState, secondaryOf } from './state';

/** Nothing is held any more; the copy begins at this order. */
export function resetCopy(node: LogState, name: LogName | undefined, first: number): void {
  const secondary = secondaryOf(node);
  node.beginLog(name, first);
  secondary.held.clear();
  secondary.confirmedEnd = first;
  secondary.conflict = undefined;
  secondary.mutedEnd = secondary.toldEnd = -1;
}

/** The same messages are of another log from now on: of the one that continues theirs. */
export function renameCopy(node: LogState, name: LogName): void {
  const { journal, log } = node;
  journal.write({ kind: 'named', name });
  log.setName(name, journal.sequence);
  node.narrate(`holds messages of log ${textOfName(name)} now`);
}

/** What was begun with the master is over: it is told anew what is held here. */
export function greetAnew(node: LogState): void {
  const secondary = secondaryOf(node);
  secondary.session++;
  secondary.attempt = undefined;
  secondary.isHelloDue = true;
}

/** Everything below is durable here and came from the master: what may be acknowledged. */
export const acknowledgeableEnd = ({ log }: LogState, { confirmedEnd }: Secondary): number =>
  Math.min(confirmedEnd, log.durableEnd);

/** A message of the master. */
export function takeFromMaster(node: LogState, secondary: Secondary, entry: Entry): void {
  const { log } = node;
  const { order } = entry;
  if (order < log.end) return compare(node, secondary, entry);
  if (order === log.end && secondary.confirmedEnd === log.end) {
    return takeNext(node, secondary, entry);
  }
  // Beyond a gap, or beyond what is not confirmed yet: the master sends it again if there is no room.
  const isThere = secondary.held.at(order) !== undefined;
  if (isThere || isTaken(node, secondary, entry) || !secondary.held.hasRoomFor(entry)) return;
  secondary.held.put({ entry, sequence: undefined });
}

/** There is a message of this order already. */
function compare(node: LogState, secondary: Secondary, entry: Entry): void {
  const { log } = node;
  const { order } = entry;
  if (order < log.first) return;
  if (!isSameEntry(log.at(order), entry)) return note(node, secondary, order);
  if (order !== secondary.confirmedEnd) return;
  secondary.confirmedEnd++;
  promote(node, secondary);
}

function takeNext(node: LogState, secondary: Secondary, entry: Entry): void {
  const { log, journal } = node;
  if (isTaken(node, secondary, entry)) return note(node, secondary, entry.order);
  journal.write({ kind: 'entry', entry });
  log.push(entry, journal.sequence);
  secondary.confirmedEnd++;
  // It may have come early before, too.
  secondary.held.remove(entry.order);
  promote(node, secondary);
}

/** Whether the place of a message, or its id, belongs to another one here. */
export function isTaken({ log }: LogState, { held }: Secondary, entry: Entry): boolean {
  const { id, order } = entry;
  const known = log.orderOf(id);
  if (known !== undefined && known >= log.first && known !== order) return true;
  const waits = held.orderOf(id);
  if (waits !== undefined && waits !== order) return true;
  const other = held.at(order);
  return other !== undefined && !isSameEntry(other.entry, entry);
}

function note(node: LogState, secondary: Secondary, order: number): void {
  if (secondary.conflict === order) return;
  node.narrate(`holds another message at ${order} than the master`);
  secondary.conflict = order;
}

/** Messages behind a gap that is filled now take their places. */
export function promote(node: LogState, secondary: Secondary): void {
  const { log, journal } = node;
  const { held } = secondary;
  for (let next = held.at(log.end); next !== undefined; next = held.at(log.end)) {
    const { entry, sequence } = next;
    const isOfMaster = sequence === undefined;
    // What came from outside before it must be confirmed first.
    if (isOfMaster && secondary.confirmedEnd < log.end) return;
    held.remove(entry.order);
    if (isOfMaster) {
      if (isTaken(node, secondary, entry)) return note(node, secondary, entry.order);
      journal.write({ kind: 'entry', entry });
      secondary.confirmedEnd++;
    }
    log.push(entry, sequence ?? journal.sequence);
  }
}

/** A message from outside: in the journal, and in its place or beyond a gap. */
export function takeExternal(node: LogState, secondary: Secondary, entry: Entry): void {
  const { log, journal } = node;
  journal.write({ kind: 'external', entry });
  secondary.held.put({ entry, sequence: journal.sequence });
  if (entry.order === log.end) promote(node, secondary);
}
