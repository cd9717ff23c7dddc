/**
 * A node opens a session because a write waits for one. If the table is full, that write fails, and
 * only another one may ask again: else the log would fill with questions.
 */

import type { NodeId } from '../../core/ids';
import { decodeEnvelope } from '../../core/machine/envelope';
import type { Effect } from '../../core/protocol';
import type { MessageOf, RaftMessage } from '../../core/raft/messages';
import type { RaftReply } from '../../core/raft/requests';
import { Violation } from '../violation';

/** What one process has asked and told. */
interface Process {
  /** The messages with which it asked for a session, by their numbers. */
  readonly asked: Set<number>;
  /** Those that were refused. */
  readonly refused: Set<number>;
  failedRequests: number;
}

export class SessionsAsked {
  private readonly processes = new Map<NodeId, Process>();

  ended(node: NodeId): void {
    this.processes.delete(node);
  }

  observe(node: NodeId, effects: readonly Effect<RaftMessage, RaftReply<unknown>>[]): void {
    for (const effect of effects) {
      if (effect.kind === 'reply' && effect.reply.kind === 'failed') {
        this.process(node).failedRequests++;
      } else if (effect.kind === 'send') this.sent(node, effect.to, effect.message);
    }
  }

  private sent(from: NodeId, to: NodeId, message: RaftMessage): void {
    if (message.kind === 'forward_reply') this.answered(this.process(to), message);
    if (message.kind !== 'forward' || message.again) return;
    if (decodeEnvelope(message.envelope).kind !== 'open_session') return;
    const { asked, refused, failedRequests } = this.process(from);
    if (refused.size > failedRequests) {
      const what = `${from} asks for a session once more, after ${refused.size} refusals`;
      throw new Violation('storm', `${what}, of which it has told ${failedRequests} clients`);
    }
    asked.add(message.id);
  }

  /** A question that was sent again may be answered twice; what counts is whether it was opened. */
  private answered({ asked, refused }: Process, { id, status }: MessageOf<'forward_reply'>): void {
    if (status === 'table_full' && asked.has(id)) refused.add(id);
    if (status !== 'session_opened') return;
    asked.delete(id);
    refused.delete(id);
  }

  private process(node: NodeId): Process {
    const known = this.processes.get(node);
    if (known !== undefined) return known;
    const begun = { asked: new Set<number>(), refused: new Set<number>(), failedRequests: 0 };
    this.processes.set(node, begun);
    return begun;
  }
}
