/** Operations of simulated clients on the log: what they ask, and what they make of the answers. */

import type { Millis, NodeId } from '../../core/ids';
import type { LogReply, LogRequest, Message } from '../../core/log/requests';
import type { Judgement, Operation } from '../subject';
import { Violation } from '../violation';

type LogOperation = Operation<LogRequest, LogReply>;

/** A message that a client wants in the log. Its body is like no other. */
export interface Write {
  readonly body: string;
  /** Undefined: the master shall invent one, and the client must not ask twice. */
  readonly id: string | undefined;
  readonly w: number | undefined;
  outcome: 'unknown' | 'appended' | 'not_applied';
}

export class AppendOperation implements LogOperation {
  private isUnknown = false;
  private tries = 0;
  private refused = 0;

  constructor(
    readonly write: Write,
    readonly node: NodeId,
    /** A retry, by design, of what was asked before. */
    private readonly isAgain: boolean,
    private readonly host: { appended(write: Write, order: number, copies: number): void },
  ) {}

  get repeatable(): boolean {
    return this.write.id !== undefined;
  }
  get text(): string {
    return `append ${this.write.body} w=${this.write.w ?? 'all'}`;
  }

  request(deadline: Millis): LogRequest {
    this.tries++;
    const { body, id, w, outcome } = this.write;
    // What was still on its way when the client asked no more may take effect after all.
    if (outcome === 'not_applied') this.write.outcome = 'unknown';
    return { kind: 'append', body: bytesOf(body), id, w, deadline };
  }

  judge(reply: LogReply): Judgement {
    if (reply.kind === 'appended') {
      this.write.outcome = 'appended';
      this.host.appended(this.write, reply.order, reply.copies);
      return { kind: 'done', text: `order ${reply.order}` };
    }
    if (reply.kind === 'late') {
      if (reply.copies > 0) this.write.outcome = 'appended';
      else this.isUnknown = true;
      return { kind: this.repeatable ? 'again' : 'give_up', text: `${reply.copies} copies` };
    }
    if (reply.kind === 'failed' && reply.error.outcome === 'not_applied') this.refused++;
    else this.isUnknown = true;
    return refusal(reply);
  }

  ended(): void {
    if (this.write.outcome === 'appended') return;
    const isRefused = !this.isUnknown && this.refused === this.tries && !this.isAgain;
    this.write.outcome = isRefused ? 'not_applied' : 'unknown';
  }
}

/** Reads, or waits for the next message, from where the client has got to. */
export class ReadOperation implements LogOperation {
  readonly repeatable = true;

  constructor(
    readonly node: NodeId | undefined,
    private readonly wish: { from: number | undefined; limit: number; isFollow: boolean },
    private readonly log: string | undefined,
    private readonly host: { read(reply: Extract<LogReply, { kind: 'messages' }>): void },
  ) {}

  get text(): string {
    const { isFollow, from, limit } = this.wish;
    return `${isFollow ? 'follow' : 'read'} from=${from ?? 'first'} limit=${limit}`;
  }

  request(deadline: Millis): LogRequest {
    const { from, limit, isFollow } = this.wish;
    if (!isFollow || from === undefined) return { kind: 'read', from, limit };
    return { kind: 'follow', from, limit, log: this.log, deadline };
  }

  judge(reply: LogReply): Judgement {
    if (reply.kind !== 'messages') return refusal(reply);
    const { log, wish } = this;
    if (wish.isFollow && wish.from !== undefined && log && reply.log !== log) {
      throw new Violation('answers', `who followed ${log} was shown ${reply.log}`);
    }
    this.host.read(reply);
    return { kind: 'done', text: `${reply.messages.length} of ${reply.end}` };
  }

  ended(): void {}
}

/** Hands a message of the master to a secondary, in whatever order. */
export class ReplicateOperation implements LogOperation {
  readonly repeatable = true;

  constructor(
    readonly node: NodeId,
    /** Undefined when there is nothing that could be handed over: then it reads. */
    private readonly draw: () => Message | undefined,
    private readonly host: { contradicted(node: NodeId, message: string): void },
  ) {}

  readonly text = 'replicate';

  request(deadline: Millis): LogRequest {
    const message = this.draw();
    if (message === undefined) return { kind: 'read', from: undefined, limit: 1 };
    return { kind: 'replicate', message, deadline };
  }

  judge(reply: LogReply): Judgement {
    if (reply.kind === 'replicated') return { kind: 'done', text: reply.as };
    if (reply.kind === 'messages') return { kind: 'done', text: 'nothing to replicate' };
    if (reply.kind === 'failed' && reply.error.code === 'message_conflict') {
      this.host.contradicted(this.node, reply.error.message);
    }
    return refusal(reply);
  }

  ended(): void {}
}

/** Tells a secondary to forget its copy. */
export class ClearOperation implements LogOperation {
  readonly repeatable = false;
  readonly text = 'clear';

  constructor(readonly node: NodeId) {}

  request(deadline: Millis): LogRequest {
    return { kind: 'clear', deadline };
  }
  judge(reply: LogReply): Judgement {
    return reply.kind === 'cleared' ? { kind: 'done', text: 'cleared' } : refusal(reply);
  }
  ended(): void {}
}

function refusal(reply: LogReply): Judgement {
  if (reply.kind !== 'failed') return { kind: 'give_up', text: reply.kind };
  const { code, outcome, retry } = reply.error;
  return { kind: retry === 'safe' ? 'again' : 'give_up', text: `${code} (${outcome})` };
}

export const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
