/** What a change makes of the parts of a key, on the replica where it is asked for. */

import type { ByteString } from '../command';
import { latin1Text } from '../latin1';
import { compareParts, MAX_COUNT, type Part, type PartKind, type Parts, typeOf } from './parts';
import type { Change, ValueType } from './requests';
import type { Stamp } from './stamps';

/** Why a change was refused. */
export type ChangeRefusal = 'wrong_type' | 'change_not_valid';

/** The new parts; `parts` itself if there is nothing to be done. `stamp` is after all of `parts`. */
export function applyChange(parts: Parts, change: Change, stamp: Stamp): Parts | ChangeRefusal {
  const type = typeOf(parts);
  const wanted = TYPE_WANTED[change.kind];
  if (wanted !== undefined && type !== undefined && type !== wanted) return 'wrong_type';
  switch (change.kind) {
    case 'put':
      return replacing(parts, { kind: 'value', stamp, text: latin1Text(change.value) });
    case 'append': {
      const text = appended(valueIn(parts), latin1Text(change.value));
      return text === undefined ? 'wrong_type' : replacing(parts, { kind: 'value', stamp, text });
    }
    case 'delete':
      return replacing(parts, { kind: 'deleted', stamp });
    case 'increment':
      return increment(parts, change.by, stamp);
    case 'add':
      return addElements(parts, textsOf(change.elements), stamp);
    case 'remove':
      return removeElements(parts, textsOf(change.elements), stamp);
    case 'assign': {
      const text = latin1Text(change.value);
      return leaving(parts, [], [{ kind: 'sibling', stamp, text }], stamp);
    }
  }
}

const TYPE_WANTED: Readonly<Record<Change['kind'], ValueType | undefined>> = {
  put: 'value',
  append: 'value',
  delete: undefined,
  increment: 'counter',
  add: 'set',
  remove: 'set',
  assign: 'register',
};

/**
 * A value, or a delete, in the place of everything. If it removes parts of other types, that must be
 * told also when a later value wins over this one, whose writer may not have seen those parts.
 */
function replacing(parts: Parts, part: Part): Parts {
  const removes = parts.some(({ kind }) => kind !== 'value' && kind !== 'deleted');
  const { stamp } = part;
  return removes ? [part, { kind: 'removed', stamp } as const].sort(compareParts) : [part];
}

/**
 * The parts that stay of the same type, and the new ones. Parts of other types that lost are gone. A
 * value among them leaves a tombstone of this stamp, so that no earlier value that somebody has not
 * seen yet comes up in its place; a tombstone that is there stays.
 */
function leaving(parts: Parts, stay: Parts, added: readonly Part[], stamp: Stamp): Parts {
  const all: Part[] = [...ofKind(parts, 'deleted'), ...stay, ...added];
  if (ofKind(parts, 'value').length > 0) all.push({ kind: 'deleted', stamp });
  else if (added.length === 0) all.push({ kind: 'removed', stamp });
  return all.sort(compareParts);
}

const ofKind = <Kind extends PartKind>(parts: Parts, kind: Kind) =>
  parts.filter((part): part is Extract<Part, { kind: Kind }> => part.kind === kind);

function increment(parts: Parts, by: number, stamp: Stamp): Parts | ChangeRefusal {
  const counts = ofKind(parts, 'count');
  const own = counts.filter((part) => part.stamp.replica === stamp.replica);
  // A zero has one form, as where it is read: hashes of what is equal must be equal.
  const amount = own.reduce((sum, part) => sum + part.amount, by) + 0;
  if (!Number.isInteger(by) || Math.abs(amount) > MAX_COUNT) return 'change_not_valid';
  const others = counts.filter((part) => !own.includes(part));
  return leaving(parts, others, [{ kind: 'count', stamp, amount }], stamp);
}

function addElements(parts: Parts, texts: readonly ByteString[], stamp: Stamp) {
  const added = new Set(texts);
  if (added.size === 0) return 'change_not_valid';
  const others = ofKind(parts, 'element').filter(({ text }) => !added.has(text));
  const elements = [...added].map((text) => ({ kind: 'element', stamp, text }) as const);
  return leaving(parts, others, elements, stamp);
}

function removeElements(parts: Parts, texts: readonly ByteString[], stamp: Stamp) {
  const removed = new Set(texts);
  if (removed.size === 0) return 'change_not_valid';
  const elements = ofKind(parts, 'element');
  const stay = elements.filter(({ text }) => !removed.has(text));
  if (stay.length === elements.length) return parts;
  return leaving(parts, stay, [], stamp);
}

const textsOf = (list: readonly Uint8Array[]): ByteString[] =>
  list.map((bytes) => latin1Text(bytes));

function valueIn(parts: Parts): ByteString | undefined {
  return ofKind(parts, 'value')[0]?.text;
}

/** The text of a JSON list with one more element; undefined if the text is no list. */
function appended(list: ByteString | undefined, element: ByteString): ByteString | undefined {
  if (list === undefined) return `[${element}]`;
  if (!list.startsWith('[') || !list.endsWith(']')) return undefined;
  const inner = list.slice(1, -1).trim();
  return inner === '' ? `[${element}]` : `[${inner},${element}]`;
}
