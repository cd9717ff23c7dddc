/** Records of a journal that tell their number, for the tests of every kind of disk. */

import type { JournalRecord } from '../../kv/core/protocol';

/** A record whose content tells its number: `length` bytes that depend on it. */
export function record(sequence: number, length = 20): JournalRecord {
  const payload = new Uint8Array(length);
  for (let i = 0; i < length; i++) payload[i] = (sequence * 31 + i * 7) & 0xff;
  return { type: 1 + (sequence % 255), payload };
}

/** The records as plain data, for comparison. */
export function plain(records: Iterable<JournalRecord>): string[] {
  return [...records].map(({ type, payload }) => `${type}:${Buffer.from(payload).toString('hex')}`);
}

/** Records `from` to `to`, as `plain` shows them. */
export function expected(from: number, to: number, length = 20): string[] {
  const records: JournalRecord[] = [];
  for (let sequence = from; sequence <= to; sequence++) records.push(record(sequence, length));
  return plain(records);
}
