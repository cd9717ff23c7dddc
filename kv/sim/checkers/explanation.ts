/** Tells a person why no order of a key's operations explains their answers. */

import type { KeyOperation } from './key_history';
import { kindOf, type ValueText, valueAfter } from './key_model';
import type { DeadEnd } from './key_search';

/** Of a longer order, only the end is shown. */
const SHOWN = 5;

export function explain({ order, stuck }: DeadEnd, all: readonly KeyOperation[]): string[] {
  const values: ValueText[] = [undefined];
  for (const { action } of order) values.push(valueAfter(values.at(-1), action));
  const [explained, answered] = [order, all].map(answersIn);
  const end = order.slice(-SHOWN);
  return [
    `no order explains all ${answered} answers; the furthest found explains ${explained}:`,
    ...(end.length < order.length ? [`  … ${order.length - end.length} operations before`] : []),
    ...end.map((operation) => `  ${described(operation)}`),
    `state ${shown(values.at(-1))}`,
    ...stuck.map(
      (operation) =>
        `  ${described(operation)} cannot come next: ${reason(operation, order, values)}`,
    ),
  ];
}

function answersIn(operations: readonly KeyOperation[]): number {
  return operations.filter(({ completed }) => completed !== undefined).length;
}

function reason(
  { action, result }: KeyOperation,
  order: readonly KeyOperation[],
  values: readonly ValueText[],
): string {
  const kind = kindOf(values.at(-1));
  if (action.kind === 'get' && typeof result === 'object') {
    const last = values.lastIndexOf(result.value);
    const changer = order[last];
    if (last === -1 || changer === undefined) return 'that never was the value';
    return `the value was changed by ${described(changer)}`;
  }
  if (action.kind === 'delete' && result === 'ok') return 'there is no value';
  if (action.kind === 'delete' && result === 'not_found') return 'there is a value';
  if (action.kind === 'append' && result === 'ok') return 'the value is no list';
  if (action.kind === 'append' && result === 'not_a_list') {
    return kind === 'list' ? 'the value is a list' : 'there is no value, so it makes a list';
  }
  return 'no state allows that answer';
}

function described({ client, action, result, invoked, completed }: KeyOperation): string {
  const asked = 'value' in action ? `${action.kind} ${short(action.value)}` : action.kind;
  if (completed === undefined) return `${client} ${asked} (invoked ${invoked}, never answered)`;
  const answer = typeof result === 'object' ? shown(result.value) : result;
  return `${client} ${asked} → ${answer} (invoked ${invoked}, completed ${completed})`;
}

function shown(value: ValueText): string {
  return value === undefined ? 'nothing' : short(value);
}

/** A long value's end says more than its beginning: that is where lists grow. */
function short(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 20)}…${text.slice(-59)}`;
}
