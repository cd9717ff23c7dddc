/** One operation of a simulated client against Raft: what it asks, and what it makes of the answers. */

import type { ByteString, ReadLevel } from '../../core/command';
import type { LogIndex, Millis } from '../../core/ids';
import type { RaftReply, RaftRequest } from '../../core/raft/requests';
import type { Judgement, Operation } from '../subject';
import type { Intent, Recorded } from './application';

/** How a client asks: drawn for each operation. */
export interface Manner {
  readonly idempotencyKey: ByteString | undefined;
  readonly level: ReadLevel;
  readonly maxStaleness: Millis | undefined;
  readonly minIndex: LogIndex | undefined;
}

export interface OperationHost<Query, Answer> {
  /** The next place in the order of everything that happens to clients. */
  nextPlace(): number;
  /** An answer has come; throws a `Violation` if it breaks what its level promises. */
  checkRead(record: Recorded<Query, Answer>, operation: RaftOperation<Query, Answer>): void;
  readonly servedAt: WeakMap<object, number>;
  readonly now: number;
}

export class RaftOperation<Query, Answer>
  implements Operation<RaftRequest<Query>, RaftReply<Answer>>
{
  readonly record: Recorded<Query, Answer>;
  /** When the last try reached its node, and when the answer was given, in moments of the run. */
  askedAt = 0;
  servedAt = 0;
  /** Whether some try may have taken effect, or may yet. */
  private isUnknown = false;
  private tries = 0;
  private refused = 0;

  constructor(
    client: string,
    private readonly intent: Intent<Query>,
    readonly manner: Manner,
    isLinearizable: boolean,
    private readonly host: OperationHost<Query, Answer>,
  ) {
    this.record = {
      client,
      intent,
      level: intent.kind === 'read' ? manner.level : undefined,
      invoked: host.nextPlace(),
      completed: undefined,
      outcome: 'unknown',
      result: undefined,
      answer: undefined,
      served: undefined,
      isLinearizable,
    };
  }

  get text(): string {
    const { intent, manner } = this;
    if (intent.kind === 'read') return `${intent.text} (${manner.level})`;
    return manner.idempotencyKey === undefined ? intent.text : `${intent.text} (keyed)`;
  }

  /** A read harms nobody; a write may be asked again where its key tells it apart. */
  get repeatable(): boolean {
    return this.intent.kind === 'read' || this.manner.idempotencyKey !== undefined;
  }

  request(deadline: Millis): RaftRequest<Query> {
    this.tries++;
    this.askedAt = this.host.now;
    // What was still on its way when the client asked no more may take effect after all.
    if (this.record.outcome === 'not_applied') this.record.outcome = 'unknown';
    const { intent, manner } = this;
    if (intent.kind === 'write') {
      const { command } = intent;
      return { kind: 'write', command, idempotencyKey: manner.idempotencyKey, deadline };
    }
    const { level, maxStaleness, minIndex } = manner;
    return { kind: 'read', level, query: intent.query, maxStaleness, minIndex, deadline };
  }

  judge(reply: RaftReply<Answer>): Judgement {
    switch (reply.kind) {
      case 'written':
        this.complete('written');
        this.record.result = reply.result;
        this.record.served = reply.served;
        return { kind: 'done', text: `written at ${reply.served.index}` };
      case 'answer':
        this.complete('answered');
        this.record.answer = reply.answer;
        this.record.served = reply.served;
        this.servedAt = this.host.servedAt.get(reply) ?? this.host.now;
        this.host.checkRead(this.record, this);
        return { kind: 'done', text: `${reply.answer} (index ${reply.served.index})` };
      case 'transferred':
        return { kind: 'give_up', text: 'transferred' };
      case 'failed': {
        const { code, outcome, retry } = reply.error;
        if (outcome === 'unknown') this.isUnknown = true;
        else this.refused++;
        const again = retry === 'safe' || (retry === 'same_key' && this.repeatable);
        return { kind: again ? 'again' : 'give_up', text: `${code} (${outcome})` };
      }
    }
  }

  ended(): void {
    if (this.record.completed !== undefined) return;
    const isRefused = !this.isUnknown && this.refused === this.tries;
    this.record.outcome = isRefused ? 'not_applied' : 'unknown';
  }

  private complete(outcome: 'written' | 'answered'): void {
    this.record.outcome = outcome;
    this.record.completed = this.host.nextPlace();
  }
}
