/**
 * Whether answers can be true: each is what the replica held at a moment of the step in which it was
 * asked, is given as soon as the disk has that, and never waits for anything else.
 */

import type {
  ConvergentReply,
  ConvergentRequest,
  UpdateRequest,
  View,
} from '../../core/convergent/requests';
import type { NodeId, RequestId } from '../../core/ids';
import { Violation } from '../violation';
import type { Arrived } from './timed_replica';
import type { TrueHistory } from './true_history';
import { viewText } from './true_key';
import { isIn, type Seen, textOf, type Update } from './true_update';
import type { Witness } from './witness';

interface Waiting {
  readonly request: ConvergentRequest;
  /** What the replica had seen at the moments at which it may have been carried out. */
  readonly moments: readonly Seen[];
  /** The client's update, if it is one. */
  readonly update: Update | undefined;
  /** The last record of the step in which it came: with that durable it must be answered. */
  readonly sequence: number;
}

export class Answers {
  private readonly waiting = new Map<NodeId, Map<RequestId, Waiting>>();

  constructor(
    private readonly history: TrueHistory,
    private readonly uncertain: ReadonlySet<string>,
  ) {}

  restarted(node: NodeId): void {
    this.waiting.set(node, new Map());
  }

  arrived(witness: Witness, requests: readonly Arrived[], sequence: number): void {
    const waiting = this.waiting.get(witness.node);
    for (const { id, request } of requests) {
      const update = request.kind === 'update' ? this.updateOf(request.changes) : undefined;
      waiting?.set(id, { request, moments: witness.moments, update, sequence });
    }
  }

  /** After each step: nobody waits whose answer the disk has. */
  checkPrompt(node: NodeId, durable: number): void {
    for (const [id, { sequence, request }] of this.waiting.get(node) ?? []) {
      if (sequence > durable) continue;
      fail('prompt', `${node} does not answer ${request.kind} ${id}, and its disk has everything`);
    }
  }

  replied(witness: Witness, id: RequestId, reply: ConvergentReply): void {
    const waiting = this.waiting.get(witness.node);
    const asked = waiting?.get(id);
    waiting?.delete(id);
    if (asked === undefined) return;
    if (reply.kind === 'updated') this.checkUpdated(witness, asked, reply);
    else if (reply.kind === 'value') this.checkValue(witness, asked, reply.view);
    else if (reply.kind === 'state') this.checkState(witness, asked.moments, reply.state);
    else if (reply.kind === 'failed' && reply.error.outcome === 'not_applied') {
      if (asked.update?.isMade) fail('answers', `${asked.update.name} was made, and refused`);
    }
  }

  private checkUpdated(
    witness: Witness,
    { update, request }: Waiting,
    reply: Extract<ConvergentReply, { kind: 'updated' }>,
  ): void {
    if (update === undefined || request.kind !== 'update') return;
    if (!update.isMade) fail('answers', `${update.name} was answered, and not made`);
    if (!isIn(update, witness.durable)) {
      fail('durable before said', `${witness.node} says that ${update.name} is written`);
    }
    request.changes.forEach(({ key }, i) => {
      if (this.uncertain.has(key)) return;
      const existed = this.history.view(key, update.past) !== '';
      if (reply.existed[i] === existed) return;
      fail(
        'answers',
        `${update.name} has ${existed ? '' : 'not '}found ${key}, and says otherwise`,
      );
    });
    if (reply.state === undefined) return;
    const after = new Map([...update.past, [update.replica, update.time] as const]);
    this.checkState(witness, [after], reply.state);
  }

  private checkValue(
    witness: Witness,
    { request, moments }: Waiting,
    view: View | undefined,
  ): void {
    if (request.kind !== 'get' || this.uncertain.has(request.key)) return;
    const { key } = request;
    const is = textOfView(view);
    const true_ = moments.filter((seen) => this.history.view(key, seen) === is);
    if (true_.length === 0) fail('answers', `${witness.node} says that ${key} is "${is}"`);
    if (true_.some((seen) => witness.isDurable(key, seen))) return;
    fail('durable before said', `${witness.node} shows ${key} = "${is}"`);
  }

  /** The whole map is that of one moment: what one request has changed is there together. */
  private checkState(
    witness: Witness,
    moments: readonly Seen[],
    state: readonly (readonly [string, View])[],
  ): void {
    const is = new Map(state.map(([key, view]) => [key, textOfView(view)]));
    const keys = [...this.history.keys].filter((key) => !this.uncertain.has(key));
    const unlike = (seen: Seen): string | undefined =>
      keys.find((key) => (is.get(key) ?? '') !== this.history.view(key, seen));
    const wrong = moments.map(unlike);
    if (!wrong.includes(undefined))
      fail('answers', `${witness.node} shows another ${wrong.at(-1)}`);
    const isDurable = moments.some(
      (seen, i) => wrong[i] === undefined && keys.every((key) => witness.isDurable(key, seen)),
    );
    if (!isDurable) fail('durable before said', `${witness.node} shows a map that is not durable`);
  }

  /** The update is known by the unique text that it puts. */
  private updateOf(changes: UpdateRequest['changes']): Update | undefined {
    for (const { change } of changes) {
      const text = change.kind === 'put' ? textOf(change.value).slice(1, -1) : '';
      const update = this.history.named(text);
      if (update !== undefined) return update;
    }
    return undefined;
  }
}

function textOfView(view: View | undefined): string {
  switch (view?.type) {
    case 'value':
      return viewText('value', [view.value]);
    case 'counter':
      return viewText('counter', [String(view.count)]);
    case 'set':
      return viewText('set', view.elements);
    case 'register':
      return viewText('register', view.values);
    case undefined:
      return '';
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
