/** What must be true of one node of the log by itself, compared with what is on its disk. */

import type { NodeId } from '../../core/ids';
import { messageOf } from '../../core/log/entry';
import { textOfName } from '../../core/log/log_name';
import type { MessageLog } from '../../core/log/message_log';
import type { MessageOf } from '../../core/log/messages';
import type { Master } from '../../core/log/roles';
import type { LogState } from '../../core/log/state';
import { Violation } from '../violation';
import { endOf, isSame, type LogOnDisk, type Shadow, saidAt, textOf } from './log_disks';

/** What an observer remembers of a node beside its disk. */
export interface Seen {
  /** Of which life of the disk; a log that begins anew is another one. */
  life: number;
  /** The name that its log had; with another one all is compared again. */
  name: string;
  /** Up to here its durable messages were compared with the true log. */
  checkedEnd: number;
  /** What readers were shown ends here. */
  shownEnd: number;
  /** The oldest message that it has kept. */
  first: number;
  /** Before the present step: how far it had heard of its disk, and the oldest message in its log. */
  heard: number;
  kept: number;
}

/** What a node makes of how far its disk is: no more than that, and readers are shown the last log. */
export function checkHeard(
  { self, role, shown, journal: { durable } }: Readonly<LogState>,
  { through, formers }: Shadow,
): void {
  if (durable > through) fail('durable before said', `${self} thinks its disk has ${durable}`);
  // A log that is fetched is shown once all of it is there.
  if (role.kind === 'master' && role.learning !== undefined) return;
  const begun = formers.findLast(({ until }) => until <= durable)?.until ?? 0;
  if (shown.begun >= begun) return;
  fail('taken back', `${self} shows a log from before ${begun}, its disk has the one after it`);
}

/** What is handed on to a master that has lost its disk is durable here. */
export function checkFetched(
  node: NodeId,
  shadow: Shadow,
  { entries }: MessageOf<'fetched'>,
): void {
  for (const entry of entries) {
    const { order, id, body } = messageOf(entry);
    if (isSame(saidAt(shadow, order), { id, body: textOf(body) })) continue;
    fail('durable before said', `${node} hands on ${id} at ${order}, which is not on its disk`);
  }
}

/** What was durable is there again: the log without a hole, and what was held back. */
export function checkRecovered(node: NodeId, shadow: Shadow, log: MessageLog): void {
  if (textOfName(log.name) !== shadow.name || log.end < endOf(shadow)) {
    const is = `${textOfName(log.name)} up to ${log.end}`;
    fail('recovery', `${node} had ${shadow.name} up to ${endOf(shadow)}, and has ${is}`);
  }
  for (let order = Math.max(log.first, shadow.base); order < endOf(shadow); order++) {
    const { id, body } = messageOf(log.at(order));
    if (isSame(saidAt(shadow, order), { id, body: textOf(body) })) continue;
    fail('recovery', `${node} has another message at ${order} than before`);
  }
}

/** Whoever has the copies that it waits for is answered in the same step, whoever else waits. */
export function checkNobodyIsBlocked(
  self: NodeId,
  { waiting, all }: Master,
  durableEnd: number,
): void {
  for (const { id, order, w } of waiting.all) {
    let copies = 0;
    for (const { match } of all) if (match > order) copies++;
    if (durableEnd <= order || copies + 1 < w) continue;
    fail('blocked', `${self} lets ${id} wait, which has its ${w} copies`);
  }
}

/**
 * The log that was on the disk before, if a reader was shown that: the disk has begun another one, and
 * the node has not heard of that yet.
 */
export function formerLog(
  shadow: Shadow,
  log: string,
  end: number,
  heard: number,
): LogOnDisk | undefined {
  const { formers, name, base } = shadow;
  if (log === name && end >= base && end <= endOf(shadow)) return undefined;
  return formers.findLast(
    (former) => former.until > heard && former.name === log && end <= endOf(former),
  );
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
