/**
 * The state that all replicas must have: a machine to which every committed entry is applied once,
 * in order, by somebody who never crashes, installs no snapshot and talks to nobody. For the
 * key/value service it also remembers what each key held at each index.
 */

import { millis } from '../../core/ids';
import { entryData } from '../../core/raft/entry';
import type { ReplicatedMachine } from '../../core/raft/state';
import { joined } from '../bytes';
import type { ClusterHistory, CommittedEntry } from './cluster_history';

export class Reference<Query, Answer> {
  private applied = 0;

  constructor(
    private readonly machine: ReplicatedMachine,
    private readonly history: ClusterHistory,
    /** Called after each entry was applied. */
    private readonly onApplied: (query: (query: Query) => Answer, entry: CommittedEntry) => void,
  ) {}

  /** Applies what has been committed since the last time. */
  catchUp(): void {
    const { committed } = this.history;
    for (; this.applied < committed.length; this.applied++) {
      const one = committed[this.applied] as CommittedEntry;
      const { entry } = one;
      const data = entryData(entry);
      if (entry.kind !== 'configuration' && data.length > 0) {
        this.machine.apply(data, { index: entry.index, time: millis(entry.time) });
      }
      this.onApplied((query) => this.machine.query(query) as Answer, one);
    }
  }

  /** The whole state, byte for byte. */
  state(): Uint8Array {
    this.catchUp();
    return stateOf(this.machine);
  }
}

/** The whole state of a machine, sessions included, as its snapshot has it. */
export function stateOf(machine: ReplicatedMachine): Uint8Array {
  const cursor = machine.beginSnapshot();
  const slices: Uint8Array[] = [];
  for (let slice = cursor.next(65_536); slice !== undefined; slice = cursor.next(65_536)) {
    slices.push(slice);
  }
  cursor.release();
  return joined(slices);
}
