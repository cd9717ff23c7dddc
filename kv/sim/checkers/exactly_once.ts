/**
 * Exactly once: a retried append must not apply twice, and an acknowledged one must be there.
 *
 * It judges the keys that were only ever appended to, by the list that each holds at the end. There
 * nothing hides what happened, so that this checker needs no search and can be wrong in no way that
 * the search for an order (`linearizability.ts`) can. It asks the workload to append each value once
 * only; then an element names the append that brought it.
 */

import { invariant } from '../../core/assert';
import { Violation } from '../violation';
import type { KeyOperation } from './key_history';

/** Where each element stands in the list. */
type Places = ReadonlyMap<string, number>;

/** Throws a {@link Violation} unless every list holds what its clients were told, and no more. */
export function checkExactlyOnce(
  operations: readonly KeyOperation[],
  finalValues: ReadonlyMap<string, string | undefined>,
): void {
  for (const [key, appends] of appendsByKey(operations)) {
    invariant(finalValues.has(key), 'every key appended to must have its final value', { key });
    const places = placesOf(key, finalValues.get(key), appends);
    for (const append of appends) checkOutcome(append, places);
    for (const own of groupedBy(appends, ({ client }) => client).values()) checkOrder(own, places);
  }
}

/** The appends of each key that nothing else ever wrote to. */
function appendsByKey(operations: readonly KeyOperation[]): Map<string, KeyOperation[]> {
  const writes = operations.filter(({ action }) => action.kind !== 'get');
  const keys = groupedBy(writes, ({ key }) => key);
  for (const [key, own] of keys) {
    if (own.some(({ action }) => action.kind !== 'append')) keys.delete(key);
  }
  return keys;
}

/** Reads the list; every element of it must be of one of the appends, and no other element like it. */
function placesOf(
  key: string,
  final: string | undefined,
  appends: readonly KeyOperation[],
): Places {
  const appended = new Set<string>();
  for (const append of appends) {
    const element = elementOf(append);
    invariant(!appended.has(element), 'every value must be appended once only', { key, element });
    appended.add(element);
  }
  const list: unknown = JSON.parse(final ?? '[]');
  if (!Array.isArray(list)) fail(`${key} was only ever appended to, but is no list: ${final}`);
  const places = new Map<string, number>();
  for (const [place, value] of list.entries()) {
    const element = JSON.stringify(value);
    if (!appended.has(element)) fail(`${key}[${place}] is ${element}, which nobody appended`);
    const earlier = places.get(element);
    if (earlier !== undefined) fail(`${key} holds ${element} twice, at ${earlier} and ${place}`);
    places.set(element, place);
  }
  return places;
}

function checkOutcome(append: KeyOperation, places: Places): void {
  if (append.completed === undefined) return;
  const isThere = places.has(elementOf(append));
  if (append.result === 'ok' && !isThere) {
    fail(`${described(append)} was acknowledged, but is not in the list`);
  }
  if (append.result !== 'ok' && isThere) {
    fail(`${described(append)} was answered ${JSON.stringify(append.result)}, but is in the list`);
  }
}

/** What a client appended after it had heard of an earlier append stands behind that one. */
function checkOrder(appends: readonly KeyOperation[], places: Places): void {
  const placeOf = (append: KeyOperation): number => places.get(elementOf(append)) ?? -1;
  const heard = appends.flatMap((append) => {
    const { completed } = append;
    return completed === undefined ? [] : [{ append, completed }];
  });
  heard.sort((a, b) => a.completed - b.completed);
  let next = 0;
  let last: KeyOperation | undefined;
  for (const append of [...appends].sort((a, b) => a.invoked - b.invoked)) {
    for (; next < heard.length; next++) {
      const before = heard[next];
      if (before === undefined || before.completed > append.invoked) break;
      if (last === undefined || placeOf(before.append) > placeOf(last)) last = before.append;
    }
    if (last !== undefined && places.has(elementOf(append)) && placeOf(append) < placeOf(last)) {
      fail(`${described(append)} stands before ${described(last)}`);
    }
  }
}

function groupedBy(
  operations: readonly KeyOperation[],
  nameOf: (operation: KeyOperation) => string,
): Map<string, KeyOperation[]> {
  const groups = new Map<string, KeyOperation[]>();
  for (const operation of operations) {
    const name = nameOf(operation);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [operation]);
    else group.push(operation);
  }
  return groups;
}

/** The element as it comes out of a list: without the white space that its text may have. */
function elementOf({ action }: KeyOperation): string {
  return 'value' in action ? JSON.stringify(JSON.parse(action.value)) : '';
}

function described(append: KeyOperation): string {
  const { client, key, invoked, completed } = append;
  const when = `invoked ${invoked}, ${completed === undefined ? 'never answered' : `completed ${completed}`}`;
  return `${client}'s append of ${elementOf(append)} to ${key} (${when})`;
}

function fail(message: string): never {
  throw new Violation('exactly once', message);
}
