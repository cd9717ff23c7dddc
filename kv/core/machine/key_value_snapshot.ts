/**
 * The key/value map as bytes. The drawing is in DESIGN.md.
 *
 * The first record says the version and how many entries follow; then there is one record for each
 * entry. The entries are in the order of the table's walk, which depends on the state alone, so
 * equal states have equal bytes.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import type { ByteString } from '../command';
import { MAX_VALUE_BYTES } from '../command';
import { MAX_KEY_BYTES } from './command_codec';
import { EntryTable } from './entry_table';
import type { Entry } from './list_text';
import type { Part } from './slices';
import { RecordQueue, recordLength } from './slices';
import type { SnapshotLoader } from './state_machine';

const VERSION = 1;
const KEY_LENGTH_BYTES = 2;
const MAX_RECORD_BYTES = KEY_LENGTH_BYTES + MAX_KEY_BYTES + MAX_VALUE_BYTES;

export function* entryParts(
  count: number,
  entries: Iterable<readonly [ByteString, Entry]>,
): Generator<Part, void> {
  const head = new ByteWriter().u8(VERSION).u48(count).finish();
  yield recordLength(head.length);
  yield head;
  for (const [key, entry] of entries) {
    const length = recordLength(KEY_LENGTH_BYTES + key.length + entry.length);
    yield length + String.fromCharCode(key.length & 0xff, key.length >> 8) + key;
    if (typeof entry === 'string') yield entry;
    else yield* entry.pieces();
  }
}

export class EntryLoader<Machine> implements SnapshotLoader<Machine> {
  private readonly queue = new RecordQueue(MAX_RECORD_BYTES);
  private readonly table = new EntryTable();
  /** How many entries the first record promised; undefined before it came. */
  private promised: number | undefined;

  constructor(private readonly machineOf: (table: EntryTable) => Machine) {}

  write(slice: Uint8Array): void {
    this.queue.push(slice);
    for (let record = this.queue.next(); record !== undefined; record = this.queue.next()) {
      if (this.promised === undefined) this.promised = readHead(record);
      else this.load(record, this.promised);
    }
  }

  finish(): Machine {
    if (this.queue.left > 0) throw new DecodeError('the snapshot ends within a record');
    if (this.promised !== this.table.keys) {
      throw new DecodeError(
        `the snapshot promised ${this.promised ?? 'no'} entries and has ${this.table.keys}`,
      );
    }
    return this.machineOf(this.table);
  }

  private load(record: Uint8Array, promised: number): void {
    if (this.table.keys === promised) throw new DecodeError(`more than ${promised} entries`);
    const keyBytes = (record[0] ?? 0) | ((record[1] ?? 0) << 8);
    const valueAt = KEY_LENGTH_BYTES + keyBytes;
    const valueBytes = record.length - valueAt;
    if (valueBytes < 1 || valueBytes > MAX_VALUE_BYTES) {
      throw new DecodeError(`an entry has a value of ${valueBytes} bytes`);
    }
    // An entry that is there twice counts once, so the snapshot will not have what it promised.
    this.table.put(record, KEY_LENGTH_BYTES, valueAt, record.length);
  }
}

function readHead(record: Uint8Array): number {
  const reader = new ByteReader(record);
  const version = reader.u8();
  if (version !== VERSION) throw new DecodeError(`the snapshot has version ${version}`);
  const count = reader.u48();
  reader.end();
  return count;
}
