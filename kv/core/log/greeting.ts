/** What a secondary says to its master and makes of what it is told. */

import { type Base, isLaterLog, isSameLog } from './log_name';
import type { MessageOf } from './messages';
import { failFollowers } from './readers';
import { drop } from './retention';
import type { Secondary } from './roles';
import {
  acknowledgeableEnd,
  greetAnew,
  renameCopy,
  resetCopy,
  takeFromMaster,
} from './secondary_copy';
import type { LogState } from './state';
import { withTrouble } from './trouble';

/** The connection to the master was made: whatever was said before may be lost. */
export function linkToMaster(node: LogState, up: boolean): void {
  if (up) greetAnew(node);
}

/** The master takes this node on, in answer to its hello. */
export function receiveBegin(
  node: LogState,
  secondary: Secondary,
  { attempt, session, name, first, base }: MessageOf<'begin'>,
): void {
  if (session !== secondary.session) return;
  const { log } = node;
  const isEmpty = log.size === 0 && secondary.held.size === 0;
  if (isSameLog(name, log.name)) {
    // Its master has dropped what is missing here: a copy has no gap, so it begins behind it.
    if (first > secondary.confirmedEnd) resetCopy(node, name, first);
  } else if (base !== undefined && isBeginningOf(base, node, secondary, first)) {
    // The same messages are shown as before; where another log is still shown, its end is told of.
    if (node.shown === log) failFollowers(node);
    renameCopy(node, name);
  } else if (isEmpty || isLaterLog(name, log.name)) {
    resetCopy(node, name, first);
  } else if (log.name === undefined && log.first === first) {
    renameCopy(node, name);
  } else return;
  secondary.attempt = attempt;
  secondary.isHelloDue = false;
  secondary.isHeldDue = true;
}

/** Whether all that is held here belongs to what the master has taken over, which begins at `first`. */
const isBeginningOf = (
  base: Base,
  { log }: LogState,
  { held, confirmedEnd }: Secondary,
  first: number,
): boolean =>
  isSameLog(base.name, log.name) && log.end <= base.end && held.size === 0 && first <= confirmedEnd;

export function receiveAppend(
  node: LogState,
  secondary: Secondary,
  message: MessageOf<'append'>,
): void {
  const bytes = message.entries.reduce((sum, { encoded }) => sum + encoded.length, 0);
  withTrouble(node, secondary, bytes, {
    take: () => takeAll(node, secondary, message),
    takeUnheard: () => {
      takeAll(node, secondary, message);
      secondary.isHeldDue = false;
      secondary.mutedEnd = secondary.confirmedEnd;
    },
    fail: () => {
      const { attempt, options } = secondary;
      if (attempt !== undefined) node.send(options.master, { kind: 'failed', attempt });
    },
  });
}

function takeAll(
  node: LogState,
  secondary: Secondary,
  { name, first, entries }: MessageOf<'append'>,
): void {
  // Of another log, or of this one before it was cleared. Who has not begun was asked for all it holds.
  if (!isSameLog(name, node.log.name) || secondary.attempt === undefined) return;
  drop(node, Math.min(first, acknowledgeableEnd(node, secondary)));
  const { confirmedEnd, conflict } = secondary;
  for (const entry of entries) takeFromMaster(node, secondary, entry);
  const isNew = secondary.confirmedEnd > confirmedEnd;
  // What is new is acknowledged once it is durable; a repeated message at once.
  if (!isNew || secondary.conflict !== conflict) secondary.isHeldDue = true;
}

export function receiveHeartbeat(
  node: LogState,
  secondary: Secondary,
  { attempt, name, first, end }: MessageOf<'heartbeat'>,
): void {
  if (attempt !== secondary.attempt) {
    secondary.isHelloDue = true;
    return;
  }
  secondary.isHeldDue = true;
  if (!isSameLog(name, node.log.name)) return;
  secondary.masterEnd = end;
  drop(node, Math.min(first, acknowledgeableEnd(node, secondary)));
}

/** Says what is due, once the disk has what it speaks of. */
export function speak(node: LogState, secondary: Secondary): void {
  const { log, journal, options } = node;
  if (!log.isNameDurable(journal.durable)) return;
  const { master } = secondary.options;
  const end = acknowledgeableEnd(node, secondary);
  // A master that has asked shall not miss what is on its way to the disk.
  if (secondary.isHelloDue && (secondary.asked === 0 || log.durableEnd === log.end)) {
    secondary.isHelloDue = false;
    const isEmpty = log.size === 0 && secondary.held.size === 0;
    const { session, asked } = secondary;
    const { name, first } = log;
    const hello = { session, disk: options.storage, name, first, end, isEmpty, asked };
    node.send(master, { kind: 'hello', ...hello });
    secondary.asked = 0;
  }
  const { attempt, conflict } = secondary;
  if (attempt === undefined) return;
  const isNew = end > secondary.toldEnd && end > secondary.mutedEnd;
  if (!isNew && !secondary.isHeldDue) return;
  secondary.isHeldDue = false;
  secondary.toldEnd = end;
  node.send(master, { kind: 'held', attempt, end, conflict });
}
