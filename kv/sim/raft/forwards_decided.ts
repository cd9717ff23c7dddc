/**
 * A write that was forwarded once is decided once: it is refused, and then it is in no log, or it is
 * in a log, and then nobody says that it was refused.
 */

import type { NodeId } from '../../core/ids';
import { decodeEnvelope, type Envelope } from '../../core/machine/envelope';
import { type Entry, entryData } from '../../core/raft/entry';
import type { RaftMessage } from '../../core/raft/messages';
import { Violation } from '../violation';

/** The numbers of messages differ between all starts of all nodes. */
export class ForwardsDecided {
  /** The message that carries a write, by the session of the write and its number there. */
  private readonly ids = new Map<string, number>();
  private readonly senders = new Map<number, NodeId>();
  /** Handed over more than once: of these only the last word counts, and nobody knows which that is. */
  private readonly repeated = new Set<number>();
  private readonly refused = new Map<number, NodeId>();
  private readonly written = new Set<number>();

  sent(from: NodeId, message: RaftMessage): void {
    if (message.kind === 'forward') {
      if (message.again) this.repeated.add(message.id);
      this.senders.set(message.id, from);
      const envelope = decodeEnvelope(message.envelope);
      if (envelope.kind === 'session') this.ids.set(placeOf(envelope), message.id);
    }
    if (message.kind !== 'forward_reject') return;
    this.refused.set(message.id, from);
    this.check(message.id);
  }

  /** An entry is written for the first time anywhere. */
  proposed(leader: NodeId, entry: Entry): void {
    const data = entryData(entry);
    if (entry.kind !== 'command' || data.length === 0) return;
    const envelope = decodeEnvelope(data);
    const id = envelope.kind === 'session' ? this.ids.get(placeOf(envelope)) : undefined;
    if (id === undefined) return;
    // The sender has become the leader itself, and needs no message to ask once more.
    if (this.senders.get(id) === leader) this.repeated.add(id);
    this.written.add(id);
    this.check(id);
  }

  private check(id: number): void {
    const refusedBy = this.refused.get(id);
    if (refusedBy === undefined || !this.written.has(id) || this.repeated.has(id)) return;
    throw new Violation(
      'refusals',
      `${refusedBy} refuses the forwarded write ${id}, which is in a log`,
    );
  }
}

/** A session is named by the index that opened it, so all sessions of a cluster are different. */
const placeOf = ({ session, seq }: Extract<Envelope, { kind: 'session' }>): string =>
  `${session} ${seq}`;
