/**
 * The key/value map: what the log of quorum-kv is about.
 *
 * PUT stores a JSON value, APPEND adds an element to a list and makes the list where there is
 * none, DELETE removes. Values stay the text that the client sent: nothing here parses JSON beyond
 * the brackets of a list. `entry_table.ts` holds the entries and walks them for a snapshot,
 * `list_text.ts` grows lists.
 */

import { InvariantViolation } from '../assert';
import type { Answer, CommandResult, Query } from '../command';
import { MAX_VALUE_BYTES } from '../command';
import { latin1Text } from '../latin1';
import {
  commandProblem,
  encodeResult,
  KEY_AT,
  OPERATION,
  operationOf,
  valueStart,
} from './command_codec';
import { EntryTable } from './entry_table';
import { EntryLoader, entryParts } from './key_value_snapshot';
import { type Entry, ListText } from './list_text';
import { PartsCursor } from './slices';
import type { SnapshotCursor, SnapshotLoader, StateMachine } from './state_machine';

export interface KeyValueStats {
  readonly keys: number;
  /** The bytes of all keys and values together. */
  readonly bytes: number;
}

export class KeyValue implements StateMachine<Query, Answer> {
  constructor(
    private readonly table = new EntryTable(),
    /** Part of the format: replicas that disagree about it would diverge. For tests only. */
    private readonly maxValueBytes = MAX_VALUE_BYTES,
  ) {}

  apply(command: Uint8Array): Uint8Array {
    const problem = commandProblem(command);
    if (problem !== undefined) {
      // Every command was checked before it entered the log, so a newer version wrote this one.
      // To skip it would be to diverge from the replicas that understand it.
      throw new InvariantViolation('a committed command cannot be read: upgrade this node', {
        problem,
      });
    }
    return encodeResult(this.execute(command));
  }

  /** A PUT does not look at what was there. */
  foretell(command: Uint8Array): Uint8Array | undefined {
    if (operationOf(command) !== OPERATION.put) return undefined;
    const isTooLarge = command.length - valueStart(command) > this.maxValueBytes;
    return encodeResult(isTooLarge ? 'too_large' : 'ok');
  }

  query(query: Query): Answer {
    const entry = this.table.get(query.key);
    return entry instanceof ListText ? entry.text() : entry;
  }

  beginSnapshot(): SnapshotCursor {
    const parts = entryParts(this.table.keys, this.table.beginWalk());
    return new PartsCursor(parts, () => this.table.endWalk());
  }

  beginRestore(): SnapshotLoader<KeyValue> {
    return new EntryLoader((table) => new KeyValue(table, this.maxValueBytes));
  }

  stats(): KeyValueStats {
    return { keys: this.table.keys, bytes: this.table.bytes };
  }

  private execute(command: Uint8Array): CommandResult {
    const valueAt = valueStart(command);
    switch (operationOf(command)) {
      case OPERATION.put:
        return this.put(command, valueAt);
      case OPERATION.append:
        return this.append(command, valueAt);
      default:
        return this.table.delete(command, KEY_AT, valueAt) ? 'ok' : 'not_found';
    }
  }

  private put(command: Uint8Array, valueAt: number): CommandResult {
    if (command.length - valueAt > this.maxValueBytes) return 'too_large';
    this.table.put(command, KEY_AT, valueAt, command.length);
    return 'ok';
  }

  private append(command: Uint8Array, valueAt: number): CommandResult {
    const entry = this.table.find(command, KEY_AT, valueAt);
    const value = latin1Text(command, valueAt);
    if (entry === undefined) return this.set(command, valueAt, `[${value}]`);
    const list = typeof entry === 'string' ? ListText.from(entry) : entry;
    if (list === undefined) return 'not_a_list';
    if (list.lengthWith(value) > this.maxValueBytes) return 'too_large';
    return this.set(command, valueAt, list.append(value));
  }

  private set(command: Uint8Array, valueAt: number, entry: Entry): CommandResult {
    if (entry.length > this.maxValueBytes) return 'too_large';
    this.table.set(command, KEY_AT, valueAt, entry);
    return 'ok';
  }
}
