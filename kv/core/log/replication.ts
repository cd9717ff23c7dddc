/**
 * From the master to its secondaries: every message that is durable here, in order, to each as fast
 * as it takes them. What is not acknowledged is sent again, without limit: after a while, with jitter,
 * less and less often; and at once when the secondary is heard of again.
 *
 * Whoever is behind must not slow down those who are not: new messages go out first (`replicate`),
 * then clients are answered, and only then is something sent of what others missed (`catchUp`), with
 * less on its way at a time.
 */

import { invariant } from '../assert';
import { type Entry, sizeOf } from './entry';
import type { MessageOf } from './messages';
import type { Progress } from './progress';
import type { Master } from './roles';
import type { LogState } from './state';

/** So many bytes of what it missed are sent to whoever is behind for each byte that is new. */
const CATCH_UP_PER_LIVE = 2;

/** New messages, to all who lack nothing else. */
export function replicate(node: LogState, master: Master): void {
  const { log } = node;
  const live = Math.max(0, log.durablePosition - master.livePosition);
  master.livePosition = log.durablePosition;
  for (const progress of master.all) {
    if (!progress.isFollowing) continue;
    noteLag(node, master, progress, live);
    if (!progress.isCatchingUp) sendOn(node, master, progress);
  }
}

/** What they missed, to all who are behind. */
export function catchUp(node: LogState, master: Master): void {
  for (const progress of master.all) {
    if (progress.isFollowing && progress.isCatchingUp) sendOn(node, master, progress);
  }
}

/**
 * Whether a secondary is behind: by more than what may be on its way to such a one, and not only by
 * what has just come in. For what is new it may be sent more: twice as much, so it gets nearer to
 * the end however much comes in.
 */
function noteLag({ log }: LogState, { options }: Master, progress: Progress, live: number): void {
  const { maxCatchUpBytes, maxInFlightBytes } = options;
  const unsent = log.bytesBetween(progress.next, log.durableEnd);
  if (unsent - live > maxCatchUpBytes) progress.isCatchingUp = true;
  if (unsent === 0) progress.isCatchingUp = false;
  const credit = progress.catchUpCredit + live * CATCH_UP_PER_LIVE;
  progress.catchUpCredit = progress.isCatchingUp ? Math.min(maxInFlightBytes, credit) : 0;
}

function sendOn(node: LogState, master: Master, progress: Progress): void {
  if (progress.retryAt <= node.now) {
    node.narrate(`sends ${progress.match} and on to ${progress.id} again`);
    progress.sendAgain(master.options.retryMaxMs);
  }
  for (let batch = nextBatch(node, master, progress); batch.length > 0; ) {
    sendBatch(node, progress, batch);
    batch = nextBatch(node, master, progress);
  }
  if (progress.inFlight > 0 && progress.retryAt === Number.POSITIVE_INFINITY) {
    progress.retryAt = node.now + jittered(node, progress.retryMs);
  }
}

/** The messages that may be sent now; none if there are none, or enough are on their way. */
function nextBatch({ log }: LogState, { options }: Master, progress: Progress): Entry[] {
  const { match, next, inFlight, isProbing } = progress;
  if (isProbing && inFlight > 0) return [];
  const most = Math.min(options.maxBatchMessages, options.maxInFlightMessages - inFlight);
  const end = Math.min(log.durableEnd, next + most);
  const room = roomFor(options, progress, log.bytesBetween(match, next));
  let bytes = 0;
  const batch: Entry[] = [];
  for (let order = next; order < end; order++) {
    const entry = log.at(order);
    const size = sizeOf(entry);
    // One message is always sent, however large.
    const isFirst = batch.length === 0 && inFlight === 0;
    if (!isFirst && bytes + size > room.bytes) break;
    if (batch.length > 0 && bytes + size > options.maxBatchBytes) break;
    batch.push(entry);
    bytes += size;
  }
  if (progress.isCatchingUp) progress.catchUpCredit -= Math.max(0, bytes - room.free);
  return batch;
}

/** How much more may be on its way; `free` of that without a credit. */
function roomFor(
  { maxInFlightBytes, maxCatchUpBytes }: Master['options'],
  { isCatchingUp, catchUpCredit }: Progress,
  inFlight: number,
): { bytes: number; free: number } {
  const most = Math.max(0, maxInFlightBytes - inFlight);
  if (!isCatchingUp) return { bytes: most, free: most };
  const free = Math.max(0, Math.min(most, maxCatchUpBytes - inFlight));
  return { bytes: Math.min(most, free + catchUpCredit), free };
}

function sendBatch(node: LogState, progress: Progress, entries: readonly Entry[]): void {
  const { name, first, durableEnd } = node.log;
  const end = progress.next + entries.length;
  invariant(name !== undefined, 'a master has a log', {});
  invariant(end <= durableEnd, 'L4: nothing is sent before it is durable', { end, durableEnd });
  node.send(progress.id, { kind: 'append', name, first, entries }, 'bulk');
  progress.next = end;
}

/** The secondary could not take something: it need not be waited for as long as for silence. */
export function receiveFailed(
  node: LogState,
  _master: Master,
  progress: Progress,
  { attempt }: MessageOf<'failed'>,
): void {
  if (progress.standing.attempt !== attempt || progress.inFlight === 0) return;
  progress.retryAt = Math.min(progress.retryAt, node.now + jittered(node, progress.retryMs));
}

/** Half of it to all of it, so that secondaries that failed together are not retried together. */
function jittered({ prng }: LogState, ms: number): number {
  return Math.max(1, Math.floor((ms * prng.between(50, 100)) / 100));
}
