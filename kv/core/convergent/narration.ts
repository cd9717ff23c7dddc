/** Messages in the words of the trace (`../trace.ts`). */

import { hexOf } from './fingerprint';
import type { ConvergentMessage } from './messages';
import type { Cell } from './parts_codec';
import type { Vector } from './vectors';

/** More keys than this are only counted. */
const MOST_KEYS = 8;

const keysOf = (cells: readonly Cell[]): string => {
  if (cells.length > MOST_KEYS) return `${cells.length} keys`;
  return `[${cells.map(({ key }) => key.replace('\0', '!')).join(' ')}]`;
};

const vectorText = (vector: Vector): string =>
  `{${[...vector].map(([replica, time]) => `${replica}:${time}`).join(' ')}}`;

export function describe(message: ConvergentMessage): string {
  switch (message.kind) {
    case 'push':
      return `Push since=${message.since} seen=${vectorText(message.seen)} ${keysOf(message.cells)}`;
    case 'report': {
      const wish = message.wantsReport ? ' wants one' : '';
      return `Report seen=${vectorText(message.seen)} ${hexOf(message.fingerprint)}${wish}`;
    }
    case 'pull': {
      const { transfer, part, seen, holding } = message;
      return `Pull id=${transfer} part=${part} seen=${vectorText(seen)} by=${holding.kind}`;
    }
    case 'part': {
      const { transfer, part, isLast, leaves, cells } = message;
      const compared = leaves.length === 0 ? '' : ` leaves=${leaves.length}`;
      const last = isLast ? ' last' : '';
      return `Part id=${transfer} part=${part}${last}${compared} ${keysOf(cells)}`;
    }
  }
}
