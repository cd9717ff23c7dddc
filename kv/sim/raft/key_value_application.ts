/**
 * The key/value service as an application of the simulator: its clients PUT, APPEND, GET and DELETE,
 * and what they were told must be linearizable for every key, each append there exactly once, and
 * every answer the very value that its index had.
 */

import type { Answer, Command, Query } from '../../core/command';
import {
  checkCommand,
  decodeCommand,
  decodeResult,
  encodeCommand,
} from '../../core/machine/command_codec';
import { KeyValue } from '../../core/machine/key_value';
import type { StateMachine } from '../../core/machine/state_machine';
import type { Prng } from '../../core/prng';
import { checkExactlyOnce } from '../checkers/exactly_once';
import type { KeyAction, KeyOperation, KeyResult } from '../checkers/key_history';
import { checkLinearizable } from '../checkers/linearizability';
import { Violation } from '../violation';
import type { Application, Intent, Recorded } from './application';

type Record_ = Recorded<Query, Answer>;

/** Keys that are only ever appended to, so that each append can be found again. */
const LISTS = ['list1', 'list2'] as const;
/** Keys that everything is done to. */
const MIXED = ['a', 'b', 'c'] as const;
/** Now and then a value is long, so that limits in bytes are met. */
const LONG_VALUE = 400;

export class KeyValueApplication implements Application<Query, Answer> {
  private readonly operations = new Map<Record_['intent'], { key: string; action: KeyAction }>();
  private lastValue = 0;
  /** What each key held from which index on. */
  private readonly versions = new Map<string, { index: number; value: Answer }[]>();

  machine(): StateMachine<Query, Answer> {
    return new KeyValue();
  }

  checkCommand(command: Uint8Array): void {
    checkCommand(command);
  }

  next(_client: string, prng: Prng): Intent<Query> {
    if (prng.chance(1, 2)) {
      const action = prng.chance(1, 3) ? ({ kind: 'get' } as const) : this.write('append', prng);
      return this.intent(prng.pick(LISTS), action);
    }
    const kind = prng.pick(['put', 'put', 'append', 'delete', 'get', 'get'] as const);
    const action = kind === 'put' || kind === 'append' ? this.write(kind, prng) : { kind };
    return this.intent(prng.pick(MIXED), action);
  }

  probe(node: string): Intent<Query> {
    const value = `"probe ${++this.lastValue}"`;
    return this.intent(`probe ${node}`, { kind: 'put', value });
  }

  applied(query: (query: Query) => Answer, command: Uint8Array, index: number): void {
    const { key } = decodeCommand(command);
    const versions = this.versions.get(key) ?? [];
    this.versions.set(key, versions);
    const value = query({ key });
    if (value !== versions.at(-1)?.value) versions.push({ index, value });
  }

  /** Every answer, stale or not, is what its key held at the index that it names. */
  answered({ intent, answer, served, client }: Record_): void {
    if (intent.kind !== 'read' || served === undefined) return;
    const versions = this.versions.get(intent.query.key) ?? [];
    const expected = versions.findLast(({ index }) => index <= served.index)?.value;
    if (answer === expected) return;
    throw new Violation(
      'state machine safety',
      `${client} ${intent.text} was answered ${answer}, at index ${served.index} it is ${expected}`,
    );
  }

  check(
    history: readonly Record_[],
    query: (query: Query) => Answer,
    report: (name: string, count: number) => void,
  ): void {
    const operations = history.flatMap((record) => this.keyOperation(record) ?? []);
    const linearizable = operations.filter(({ record }) => isOrdered(record));
    const verdict = checkLinearizable(linearizable.map(({ operation }) => operation));
    if (verdict.kind === 'violation') {
      const { key, explanation } = verdict;
      throw new Violation('linearizability', `key ${key}\n${explanation.join('\n')}`);
    }
    report('operations checked for linearizability', linearizable.length);
    if (verdict.kind === 'undecided') report('keys undecided', verdict.keys.length);
    const values = new Map(LISTS.map((key) => [key as string, query({ key })]));
    const appends = operations.filter(({ operation }) => values.has(operation.key));
    checkExactlyOnce(
      appends
        .filter(({ record }) => record.outcome !== 'not_applied')
        .map((each) => each.operation),
      values,
    );
    report('appends found exactly once', appends.length);
  }

  private write(kind: 'put' | 'append', prng: Prng): KeyAction {
    const number = ++this.lastValue;
    if (kind === 'put' && prng.chance(1, 3)) return { kind, value: `[${number}]` };
    const value = prng.chance(1, 20) ? `"${'x'.repeat(LONG_VALUE)}${number}"` : String(number);
    return { kind, value };
  }

  private intent(key: string, action: KeyAction): Intent<Query> {
    const intent: Intent<Query> =
      action.kind === 'get'
        ? { kind: 'read', text: `get ${key}`, query: { key } }
        : {
            kind: 'write',
            text: textOf(key, action),
            command: encodeCommand(commandOf(key, action)),
          };
    this.operations.set(intent, { key, action });
    return intent;
  }

  private keyOperation(record: Record_) {
    const known = this.operations.get(record.intent);
    if (known === undefined) return undefined;
    const { client, invoked, completed } = record;
    const operation: KeyOperation = {
      client,
      key: known.key,
      action: known.action,
      invoked,
      completed,
      result: completed === undefined ? undefined : resultOf(record),
    };
    return { record, operation };
  }
}

/** What was said to have changed nothing has no place in any order; nor have reads of the past. */
function isOrdered({ outcome, intent, isLinearizable }: Record_): boolean {
  if (outcome === 'not_applied') return false;
  return intent.kind === 'write' || isLinearizable;
}

function resultOf({ result, answer }: Record_): KeyResult {
  if (result === undefined) return { value: answer };
  if (result.length !== 1) throw new Violation('answers', 'a write was told the result of another');
  const decoded = decodeResult(result);
  if (decoded === 'too_large')
    throw new Violation('answers', 'a short list is said to be too large');
  return decoded;
}

function commandOf(key: string, action: KeyAction): Command {
  if (!('value' in action)) return { kind: 'delete', key };
  const value = Uint8Array.from(action.value, (character) => character.charCodeAt(0));
  return { kind: action.kind, key, value };
}

function textOf(key: string, action: KeyAction): string {
  if (!('value' in action)) return `${action.kind} ${key}`;
  const { value } = action;
  const shown = value.length > 20 ? `${value.slice(0, 8)}…${value.slice(-8)}` : value;
  return `${action.kind} ${key} ${shown}`;
}
