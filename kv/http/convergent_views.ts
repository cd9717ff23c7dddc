/**
 * What a key is, as the bytes of JSON, one character for each: stored values go out as they came in,
 * without being looked at.
 */

import type { ByteString } from '../core/command';
import type { KeyView, KeyViews } from '../service';

/** A counter is a number, a set a sorted list, a register the list of its concurrent values. */
export function viewText(view: KeyView): ByteString {
  switch (view.type) {
    case 'value':
      return view.value;
    case 'counter':
      return String(view.count);
    case 'set':
      return `[${view.elements.join(',')}]`;
    case 'register':
      return `[${view.values.join(',')}]`;
  }
}

/** The whole map as one object. */
export function mapText(views: KeyViews): ByteString {
  return `{${views.map(([key, view]) => `${keyText(key)}:${viewText(view)}`).join(',')}}`;
}

/** A key as JSON writes it: only what is special in ASCII needs an escape. */
export const keyText = (key: ByteString): ByteString => JSON.stringify(key);

/** The text of a value that is a string; undefined for all other values. */
export function plainString(text: ByteString): string | undefined {
  if (!text.startsWith('"')) return undefined;
  return JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as string;
}
