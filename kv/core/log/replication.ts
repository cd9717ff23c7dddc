/**
 * From the master to its secondaries: every message that is durable here, in order, to each as fast
 * as it takes them. What is not acknowledged is sent again, without limit: after a while, with jitter,
 * less and less often; and at once when the secondary is heard of again.
 */

import { invariant } from '../assert';
import { type Entry, sizeOf } from './entry';
import type { MessageOf } from './messages';
import type { Progress } from './progress';
import type { Master } from './roles';
import type { LogState } from './state';

export function replicate(node: LogState, master: Master): void {
  for (const progress of master.all) {
    if (!progress.isFollowing) continue;
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
}

/** The messages that may be sent now; none if there are none, or enough are on their way. */
function nextBatch({ log }: LogState, { options }: Master, progress: Progress): Entry[] {
  const { match, next, inFlight, isProbing } = progress;
  if (isProbing && inFlight > 0) return [];
  const most = Math.min(options.maxBatchMessages, options.maxInFlightMessages - inFlight);
  const end = Math.min(log.durableEnd, next + most);
  let bytesInFlight = log.bytesBetween(match, next);
  let bytes = 0;
  const batch: Entry[] = [];
  for (let order = next; order < end; order++) {
    const entry = log.at(order);
    const size = sizeOf(entry);
    // One message is always sent, however large.
    const isFirst = batch.length === 0 && inFlight === 0;
    if (!isFirst && bytesInFlight + size > options.maxInFlightBytes) break;
    if (batch.length > 0 && bytes + size > options.maxBatchBytes) break;
    batch.push(entry);
    bytesInFlight += size;
    bytes += size;
  }
  return batch;
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
