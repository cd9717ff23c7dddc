/**
 * How a master and a secondary begin with each other.
 *
 * A secondary says what it holds (`hello`, in a session of its own). The master judges: either the
 * secondary holds a beginning of this log, then an attempt begins, or it holds something else, then
 * nothing is sent to it, and what is to be done is said. Whatever the secondary acknowledges names
 * the attempt, so nothing that an earlier life of it has said can count for the present one.
 */

import { Learning } from './learning';
import { isLaterLog, isSameLog, textOfName } from './log_name';
import type { MessageLog } from './message_log';
import type { MessageOf } from './messages';
import type { Progress } from './progress';
import type { Master } from './roles';
import type { LogState } from './state';

type Hello = MessageOf<'hello'>;

export function receiveHello(
  node: LogState,
  master: Master,
  progress: Progress,
  hello: Hello,
): void {
  const problem = problemOf(node, master, progress, hello);
  if (problem?.blocks && isJustBegun(node.log)) return learnAnew(node, master);
  if (problem !== undefined) return conflict(node, progress, 0, problem);
  const { standing } = progress;
  const isAgain = standing.kind !== 'conflict' && standing.session === hello.session;
  if (!isAgain) newAttempt(node, master, progress, hello);
  progress.isBeginDue = true;
}

interface Problem {
  readonly text: string;
  /** Whether the log could fork if the master took in more. */
  readonly blocks: boolean;
}

function problemOf(
  { log, options }: LogState,
  { all }: Master,
  progress: Progress,
  hello: Hello,
): Problem | undefined {
  const { disk, name, end, isEmpty } = hello;
  const twin = all.find((other) => other !== progress && other.isFollowing && other.disk === disk);
  if (twin !== undefined || disk === options.storage) {
    const who = twin?.id ?? 'this master';
    return { text: `is the same node as ${who}: its copy counts once`, blocks: false };
  }
  const own = textOfName(log.name);
  if (!isEmpty && name !== undefined && !isSameLog(name, log.name)) {
    // An older generation of this log was cleared since, and makes place.
    if (log.name !== undefined && isLaterLog(log.name, name)) return undefined;
    const text = `holds log ${textOfName(name)} up to ${end}, this master has ${own}: bring back the disk of the master of ${textOfName(name)}, or wipe that secondary if this log shall go on`;
    return { text, blocks: true };
  }
  if (isSameLog(name, log.name) && end > log.durableEnd) {
    const text = `holds ${own} up to ${end}, this master only up to ${log.durableEnd}: the disk of the master is an older copy`;
    return { text, blocks: true };
  }
  if (!isEmpty && name === undefined && log.first > 0) {
    const text = `holds messages of no log, and ${own} does not go back far enough to compare them: wipe it or clear it`;
    return { text, blocks: false };
  }
  return undefined;
}

function conflict(node: LogState, progress: Progress, attempt: number, why: Problem): void {
  const { standing } = progress;
  const { text: problem, blocks } = why;
  if (standing.kind !== 'conflict' || standing.problem !== problem) {
    node.narrate(`${progress.id} ${problem}`);
  }
  progress.standing = { kind: 'conflict', attempt, session: standing.session, problem, blocks };
}

/** Not one that was emptied: that one has been a log. */
const isJustBegun = ({ name, end }: MessageLog): boolean => end === 0 && name?.generation === 1;

/** There was a log after all, and nothing has been taken in yet: it is as if nothing had begun. */
function learnAnew(node: LogState, master: Master): void {
  master.learning = new Learning(++master.lastAttempt, node.now);
  master.nextHeartbeat = node.now;
  for (const progress of master.all) {
    progress.standing = { kind: 'absent', attempt: 0, session: undefined };
    progress.base = progress.match = progress.next = 0;
  }
}

/**
 * What it holds of this log stays, and the rest is sent, from the oldest message that there is. How much
 * that is, its answer to this attempt says: the hello may be late, and of a disk that is lost since.
 */
function newAttempt(
  { log }: LogState,
  master: Master,
  progress: Progress,
  { session, disk }: Hello,
): void {
  progress.standing = { kind: 'absent', attempt: ++master.lastAttempt, session };
  progress.disk = disk;
  progress.base = progress.match = progress.next = log.first;
}

/** The log was cleared: whoever is known begins again. */
export function beginAnew(master: Master, progress: Progress): void {
  const { standing } = progress;
  const { session } = standing;
  progress.base = progress.match = progress.next = 0;
  if (standing.kind === 'conflict') {
    // It may hold another log still: a heartbeat without an attempt makes it say so, or begin.
    progress.standing = { ...standing, attempt: 0 };
    return;
  }
  const attempt = session === undefined ? 0 : ++master.lastAttempt;
  progress.standing = { kind: 'absent', attempt, session };
  progress.isBeginDue = session !== undefined;
}

/** Answers hellos, as soon as it is durable which log this is. */
export function sendBegins(node: LogState, master: Master): void {
  const { log, journal } = node;
  if (log.name === undefined || !log.isNameDurable(journal.durable)) return;
  for (const progress of master.all) {
    const { standing, isBeginDue, base, id } = progress;
    if (!isBeginDue || standing.session === undefined || standing.attempt === 0) continue;
    progress.isBeginDue = false;
    const { attempt, session } = standing;
    node.send(id, { kind: 'begin', attempt, session, name: log.name, first: base, base: log.base });
  }
}

export function receiveHeld(
  node: LogState,
  _master: Master,
  progress: Progress,
  { attempt, end, conflict: order }: MessageOf<'held'>,
): void {
  const { standing, base } = progress;
  const { log } = node;
  if (standing.attempt !== attempt || standing.session === undefined || end < base) return;
  if (order !== undefined) {
    const text = `holds another message at ${order} than this log: wipe it or clear it`;
    return conflict(node, progress, attempt, { text, blocks: false });
  }
  if (end > log.durableEnd) {
    const text = `holds more than this master: the disk of the master is an older copy`;
    return conflict(node, progress, attempt, { text, blocks: true });
  }
  if (standing.kind === 'following') return progress.acknowledged(end);
  node.narrate(`${progress.id} follows from ${end}`);
  progress.standing = { kind: 'following', attempt, session: standing.session };
  progress.match = progress.next = Math.max(base, end);
}
