/** One operation of a simulated client against a replica: what it asks, and what it makes of answers. */

import type { Change, ConvergentReply, ConvergentRequest } from '../../core/convergent/requests';
import { type Millis, millis, type NodeId } from '../../core/ids';
import type { Prng } from '../../core/prng';
import type { Judgement, Operation } from '../subject';
import { registration } from './timed_replica';
import { bytesOf, type Update } from './true_update';

type ConvergentOperation = Operation<ConvergentRequest, ConvergentReply>;

/** The wall clock is the machine's: `timed_replica.ts` puts it in. */
const wall = millis(0);

export class ReadOperation implements ConvergentOperation {
  readonly repeatable = true;

  /** A key, or the whole map. */
  constructor(private readonly key: string | undefined) {}

  get text(): string {
    return this.key === undefined ? 'state' : `get ${this.key}`;
  }

  request(deadline: Millis): ConvergentRequest {
    const { key } = this;
    return key === undefined ? { kind: 'state', deadline } : { kind: 'get', key, deadline };
  }

  judge(reply: ConvergentReply): Judgement {
    return reply.kind === 'failed' ? refusal(reply) : { kind: 'done', text: reply.kind };
  }

  ended(): void {}
}

export class UpdateOperation implements ConvergentOperation {
  /** To count again is to count twice. */
  readonly repeatable = false;
  private isUnknown = false;
  private tries = 0;
  private refused = 0;

  constructor(
    readonly update: Update,
    private readonly returnsState: boolean,
  ) {}

  get text(): string {
    const changes = [...this.update.changes].map(([key, { kind }]) => `${kind} ${key}`);
    return `${this.update.name}: ${changes.join(', ')}`;
  }

  request(deadline: Millis): ConvergentRequest {
    this.tries++;
    const { update, returnsState } = this;
    // What was still on its way when the client asked no more may take effect after all.
    if (update.outcome === 'not_applied') update.outcome = 'unknown';
    const changes = [...update.changes].map(([key, change]) => ({ key, change }));
    return { kind: 'update', changes, returnsState, deadline, wall };
  }

  judge(reply: ConvergentReply): Judgement {
    if (reply.kind === 'updated') {
      this.update.outcome = 'written';
      return { kind: 'done', text: 'written' };
    }
    if (reply.kind === 'failed' && reply.error.outcome === 'unknown') this.isUnknown = true;
    else this.refused++;
    return refusal(reply);
  }

  ended(): void {
    const { update, isUnknown, refused, tries } = this;
    if (update.outcome === 'written') return;
    update.outcome = !isUnknown && refused === tries ? 'not_applied' : 'unknown';
  }
}

/** An operator makes a node a peer again. */
export class RegisterOperation implements ConvergentOperation {
  readonly repeatable = true;

  constructor(
    private readonly peer: NodeId,
    /** Whether this was the last word on it. */
    private readonly isDone: () => boolean,
  ) {}

  get text(): string {
    return `register ${this.peer}`;
  }

  request(deadline: Millis): ConvergentRequest {
    return registration(this.peer, wall, deadline);
  }

  judge(reply: ConvergentReply): Judgement {
    if (reply.kind === 'failed') return refusal(reply);
    if (this.isDone()) return { kind: 'done', text: reply.kind };
    return { kind: 'again', text: 'an unregistration wins over it' };
  }

  ended(): void {}
}

function refusal(reply: ConvergentReply): Judgement {
  if (reply.kind !== 'failed') return { kind: 'give_up', text: reply.kind };
  const { code, outcome, retry } = reply.error;
  return { kind: retry === 'safe' ? 'again' : 'give_up', text: `${code} (${outcome})` };
}

/** Keys by what is mostly done with them; `mixed` ones get all types, so that these conflict. */
export const KEYS = [
  'v1',
  'v2',
  'v3',
  'l1',
  'c1',
  'c2',
  's1',
  's2',
  'r1',
  'r2',
  'mixed1',
  'mixed2',
];
const KINDS: Readonly<Record<string, readonly Change['kind'][]>> = {
  v: ['put'],
  l: ['append'],
  c: ['increment'],
  s: ['add', 'add', 'remove'],
  r: ['assign'],
  m: ['put', 'increment', 'add', 'remove', 'assign', 'append'],
};
const ELEMENTS = ['"a"', '"b"', '"c"'];

/** A change of a key; `name` makes what it writes unique. */
export function drawChange(key: string, name: string, prng: Prng): Change {
  const kinds = KINDS[key.charAt(0)] as readonly Change['kind'][];
  const kind = prng.chance(1, 5) ? 'delete' : prng.pick(kinds);
  const value = bytesOf(`"${name}"`);
  switch (kind) {
    case 'delete':
      return { kind };
    case 'increment':
      return { kind, by: prng.between(-3, 10) };
    case 'add':
    case 'remove': {
      const few = ELEMENTS.filter(() => prng.chance(1, 2));
      return { kind, elements: (few.length === 0 ? ELEMENTS : few).map(bytesOf) };
    }
    case 'put':
    case 'append':
    case 'assign':
      return { kind, value };
  }
}
