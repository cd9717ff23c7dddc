/**
 * What the service promises about one key: the sequential specification that histories are checked
 * against. It is written a second time here, on plain texts, so that a mistake in the state machine
 * (`core/machine/key_value.ts`) is no mistake of its judge.
 */

import type { KeyAction } from './key_history';

/** The JSON text of a value; undefined where there is none. */
export type ValueText = string | undefined;

export type ValueKind = 'absent' | 'list' | 'other';

export function kindOf(value: ValueText): ValueKind {
  if (value === undefined) return 'absent';
  return value.startsWith('[') ? 'list' : 'other';
}

/** The value after the action; an append to what is no list changes nothing. */
export function valueAfter(before: ValueText, action: KeyAction): ValueText {
  switch (action.kind) {
    case 'get':
      return before;
    case 'put':
      return action.value;
    case 'delete':
      return undefined;
    case 'append':
      return kindOf(before) === 'other' ? before : appended(before, action.value);
  }
}

/** The list with one more element; what is no list yet becomes one. */
export function appended(list: ValueText, element: string): string {
  return `${list === undefined ? '[' : listStart(list)}${element}]`;
}

/** What every longer list that grew from this one begins with: `[1,` of `[1]`, `[` of `[]`. */
export function listStart(list: string): string {
  const open = list.slice(0, -1);
  return open.trim() === '[' ? open : `${open},`;
}
