/**
 * What a key is, as the bytes of JSON, one character for each: stored values go out as they came in,
 * without being looked at.
 */

import type { ByteString } from '../core/command';
import type { KeyView, KeyViews } from '../service';

/** A counter is a number, a set a sorted list, a register the list of its concurrent values. */
export function viewText(view: KeyView): ByteString {
  return [...viewFragments(view)].join('');
}

/**
 * The whole map as one object, in fragments: none of them is longer than a key or a value, while
 * the text of the whole may be longer than any string can be.
 */
export function* mapFragments(views: KeyViews): Generator<ByteString, void> {
  let separator = '{';
  for (const [key, view] of views) {
    yield `${separator}${keyText(key)}:`;
    yield* viewFragments(view);
    separator = ',';
  }
  yield views.length === 0 ? '{}' : '}';
}

function* viewFragments(view: KeyView): Generator<ByteString, void> {
  switch (view.type) {
    case 'value':
      return yield view.value;
    case 'counter':
      return yield String(view.count);
    case 'set':
      return yield* listFragments(view.elements);
    case 'register':
      return yield* listFragments(view.values);
  }
}

function* listFragments(texts: readonly ByteString[]): Generator<ByteString, void> {
  yield '[';
  for (const [i, text] of texts.entries()) {
    if (i > 0) yield ',';
    yield text;
  }
  yield ']';
}

/** A key as JSON writes it: only what is special in ASCII needs an escape. */
export const keyText = (key: ByteString): ByteString => JSON.stringify(key);

/** The text of a value that is a string; undefined for all other values. */
export function plainString(text: ByteString): string | undefined {
  if (!text.startsWith('"')) return undefined;
  return JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as string;
}
