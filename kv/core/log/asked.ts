/** What a secondary says to a master that has lost its disk, so that it learns what there is. */

import type { Entry } from './entry';
import { sizeOf } from './entry';
import { isSameLog } from './log_name';
import type { MessageOf } from './messages';
import type { Secondary } from './roles';
import { acknowledgeableEnd, greetAnew } from './secondary_copy';
import type { LogState } from './state';

/** Whatever the master has said before its disk was lost is not to be taken in any more. */
export function receiveAsk(
  node: LogState,
  secondary: Secondary,
  { number }: MessageOf<'ask'>,
): void {
  greetAnew(node);
  secondary.asked = number;
}

export function receiveFetch(
  node: LogState,
  secondary: Secondary,
  { number, name, from }: MessageOf<'fetch'>,
): void {
  const { log, journal, options } = node;
  if (!isSameLog(name, log.name) || !log.isNameDurable(journal.durable) || from < log.first) return;
  const end = Math.min(acknowledgeableEnd(node, secondary), from + options.maxReadMessages);
  const entries: Entry[] = [];
  let bytes = 0;
  for (let order = from; order < end; order++) {
    const entry = log.at(order);
    bytes += sizeOf(entry);
    if (entries.length > 0 && bytes > options.maxReadBytes) break;
    entries.push(entry);
  }
  if (entries.length === 0) return;
  node.send(secondary.options.master, { kind: 'fetched', number, entries }, 'bulk');
}
