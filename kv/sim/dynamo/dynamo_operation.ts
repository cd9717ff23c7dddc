/** One operation of a simulated client against Dynamo: what it asks, and what it makes of the answers. */

import type { DynamoReply, DynamoRequest } from '../../core/dynamo/requests';
import type { Millis } from '../../core/ids';
import type { Judgement, Operation } from '../subject';
import type { Write } from './true_history';

export interface Read {
  readonly key: string;
  readonly quorum: number;
}

export interface OperationHost {
  /** What a read has returned is looked at, and remembered by the client. */
  read(client: string, read: Read, reply: Extract<DynamoReply, { kind: 'values' }>): void;
  written(client: string, write: Write, metadata: string): void;
}

export class GetOperation implements Operation<DynamoRequest, DynamoReply> {
  readonly repeatable = true;

  constructor(
    private readonly client: string,
    private readonly asked: Read,
    private readonly host: OperationHost,
  ) {}

  get text(): string {
    return `get ${this.asked.key} quorum=${this.asked.quorum}`;
  }

  request(deadline: Millis): DynamoRequest {
    return { kind: 'get', ...this.asked, deadline };
  }

  judge(reply: DynamoReply): Judgement {
    if (reply.kind === 'values') {
      this.host.read(this.client, this.asked, reply);
      return { kind: 'done', text: `${reply.values.length} versions` };
    }
    return refusal(reply);
  }

  ended(): void {}
}

export class PutOperation implements Operation<DynamoRequest, DynamoReply> {
  /** To write again is to write twice. */
  readonly repeatable = false;
  private isUnknown = false;
  private tries = 0;
  private refused = 0;

  constructor(
    private readonly client: string,
    readonly write: Write,
    private readonly quorum: number,
    private readonly metadata: string,
    private readonly host: OperationHost,
  ) {}

  get text(): string {
    return `put ${this.write.key} ${this.write.value} quorum=${this.quorum}`;
  }

  request(deadline: Millis): DynamoRequest {
    this.tries++;
    const { write, quorum, metadata } = this;
    // What was still on its way when the client asked no more may take effect after all.
    if (write.outcome === 'not_applied') write.outcome = 'unknown';
    const value = Uint8Array.from(write.value, (character) => character.charCodeAt(0));
    return { kind: 'put', key: write.key, value, quorum, metadata, deadline };
  }

  judge(reply: DynamoReply): Judgement {
    if (reply.kind === 'written') {
      this.write.outcome = 'written';
      this.write.copies = this.quorum;
      this.host.written(this.client, this.write, reply.metadata);
      return { kind: 'done', text: 'written' };
    }
    if (reply.kind === 'failed' && reply.error.outcome === 'unknown') this.isUnknown = true;
    else this.refused++;
    return refusal(reply);
  }

  ended(): void {
    if (this.write.outcome === 'written') return;
    const isRefused = !this.isUnknown && this.refused === this.tries;
    this.write.outcome = isRefused ? 'not_applied' : 'unknown';
  }
}

function refusal(reply: DynamoReply): Judgement {
  if (reply.kind !== 'failed') return { kind: 'give_up', text: reply.kind };
  const { code, outcome, retry } = reply.error;
  return { kind: retry === 'safe' ? 'again' : 'give_up', text: `${code} (${outcome})` };
}
