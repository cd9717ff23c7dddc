/**
 * Every snapshot that some node has made, byte by byte: what a node receives under a name must be
 * what another has made under it, from one moment (§7).
 */

import type { NodeId, SnapshotName } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import type { RaftMessage } from '../../core/raft/messages';
import type { RaftReply } from '../../core/raft/requests';
import type { RaftState } from '../../core/raft/state';
import { Violation } from '../violation';

/** The bytes that one node has written under a name, in slices one after another. */
interface Made {
  readonly slices: { readonly offset: number; readonly bytes: Uint8Array }[];
}

export class SnapshotsSeen {
  private readonly made = new Map<SnapshotName, Made[]>();
  /** What each node is making just now; nothing while it receives one. */
  private readonly making = new Map<NodeId, Made>();

  observe(
    raft: Readonly<RaftState>,
    effects: readonly Effect<RaftMessage, RaftReply<unknown>>[],
  ): void {
    for (const effect of effects) {
      if (effect.kind === 'snapshot_open') this.opened(raft, effect.snapshot);
      if (effect.kind !== 'snapshot_append') continue;
      const { snapshot, offset, bytes } = effect;
      const own = this.making.get(raft.self);
      if (own !== undefined) own.slices.push({ offset, bytes });
      else this.checkReceived(raft.self, snapshot, offset, bytes);
    }
  }

  private opened({ self, taking, installing }: Readonly<RaftState>, name: SnapshotName): void {
    this.making.delete(self);
    // One of its own may have been given up in the very step that began it.
    if (taking?.name !== name && installing?.name === name) return;
    const made: Made = { slices: [] };
    this.making.set(self, made);
    this.made.set(name, [...(this.made.get(name) ?? []), made]);
  }

  private checkReceived(
    node: NodeId,
    snapshot: SnapshotName,
    offset: number,
    bytes: Uint8Array,
  ): void {
    const all = this.made.get(snapshot) ?? [];
    if (all.some((made) => has(made, offset, bytes))) return;
    const where = `bytes ${offset} to ${offset + bytes.length} of ${snapshot}`;
    throw new Violation('snapshots', `${node} receives ${where}, which nobody has made so`);
  }
}

/** Whether these bytes are there at this offset; slices may be cut elsewhere. */
function has({ slices }: Made, from: number, bytes: Uint8Array): boolean {
  let at = 0;
  for (const slice of slices) {
    const start = from + at - slice.offset;
    if (start < 0 || start >= slice.bytes.length) continue;
    const part = slice.bytes.subarray(start, start + bytes.length - at);
    if (part.some((byte, i) => byte !== bytes[at + i])) return false;
    at += part.length;
    if (at === bytes.length) return true;
  }
  return at === bytes.length;
}
