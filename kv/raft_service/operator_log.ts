/**
 * One readable line in the log for each event that an operator cares about: who leads, since which
 * term, when the quorum is lost and found, what snapshots do. Looked for after each step, by
 * comparing a few numbers, so that the core need not know that there is a log.
 */

import type { Configuration } from '../core/raft/membership';
import type { Log } from '../runtime/log';
import type { KeyValueRaft } from './raft_node';

interface Seen {
  role: string;
  term: number;
  leader: string | undefined;
  snapshotIndex: number;
  activity: string;
  /** The one in force, which knows the members by their disks. */
  configuration: Configuration;
  diskUnknown: boolean;
}

export class OperatorLog {
  private seen: Seen | undefined;

  constructor(
    private readonly raft: KeyValueRaft,
    private readonly log: Log,
  ) {}

  /** Notes where the node begins. */
  started(): void {
    const status = this.raft.status();
    this.log.info(`recovered up to entry ${status.lastIndex} of term ${status.term}`, {
      entries: status.logEntries,
      snapshot: status.snapshotIndex,
      voters: status.voters.length,
    });
  }

  /** Compares with what was seen last. The cheap part runs after each step. */
  look(): void {
    const { role, term, snapshot, taking, installing, log } = this.raft.inspect;
    const { configuration } = log;
    const leader = role.kind === 'follower' ? role.leader : undefined;
    const activity = taking !== undefined ? 'taking' : installing !== undefined ? 'installing' : '';
    const snapshotIndex = snapshot?.index ?? 0;
    const { seen } = this;
    const same =
      seen !== undefined &&
      seen.role === role.kind &&
      seen.term === term &&
      seen.leader === leader &&
      seen.snapshotIndex === snapshotIndex &&
      seen.activity === activity &&
      seen.configuration === configuration;
    if (same) return;
    const { diskUnknown } = this.raft.status();
    const place = { role: role.kind, term, leader, snapshotIndex, activity };
    const next = { ...place, configuration, diskUnknown };
    this.seen = next;
    if (seen !== undefined) this.tell(seen, next);
    // A node may start with a log that knows it so: that is news too.
    if (diskUnknown && seen?.diskUnknown !== true) this.tellDiskUnknown();
  }

  private tell(before: Seen, now: Seen): void {
    const { log } = this;
    const { term } = now;
    if (now.role === 'leader' && before.role !== 'leader') log.info(`leads term ${term}`);
    if (before.role === 'leader' && now.role !== 'leader') {
      log.warn(`no longer leads term ${before.term}`, { term });
    }
    if (now.leader !== undefined && now.leader !== before.leader) {
      log.info(`follows ${now.leader} in term ${term}`);
    }
    const lost = before.leader !== undefined && now.leader === undefined && now.role !== 'leader';
    if (lost) log.warn(`lost its leader ${before.leader}`, { term });
    if (now.role === 'candidate' && before.term !== term) {
      log.info(`stands for election in term ${term}`);
    }
    if (now.activity === 'installing' && before.activity !== 'installing') {
      log.info('receives a snapshot of the leader');
    }
    if (now.snapshotIndex > before.snapshotIndex) {
      const how = before.activity === 'installing' ? 'installed' : 'took';
      log.info(`${how} a snapshot up to entry ${now.snapshotIndex}`);
    }
  }

  private tellDiskUnknown(): void {
    const does = 'it does not vote until it caught up';
    this.log.warn(`the cluster knows this node by another disk: ${does}`);
  }
}
