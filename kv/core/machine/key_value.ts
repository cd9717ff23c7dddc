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
import {
  commandProblem,
  encodeResult,
  keyTextOf,
  OPERATION,
  operationOf,
  valueTextOf,
} from './command_codec';
import { EntryTable } from './entry_table';
import { EntryLoader, entryParts } from './key_value_snapshot';
import { ListText } from './list_text';
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
    const key = keyTextOf(command);
    switch (operationOf(command)) {
      case OPERATION.put:
        return this.put(key, valueTextOf(command));
      case OPERATION.append:
        return this.append(key, valueTextOf(command));
      default:
        return this.table.delete(key) ? 'ok' : 'not_found';
    }
  }

  private put(key: string, value: string): CommandResult {
    if (value.length > this.maxValueBytes) return 'too_large';
    this.table.set(key, value);
    return 'ok';
  }

  private append(key: string, value: string): CommandResult {
    const entry = this.table.get(key);
    if (entry === undefined) return this.put(key, `[${value}]`);
    const list = typeof entry === 'string' ? ListText.from(entry) : entry;
    if (list === undefined) return 'not_a_list';
    if (list.lengthWith(value) > this.maxValueBytes) return 'too_large';
    this.table.set(key, list.append(value));
    return 'ok';
  }
}
