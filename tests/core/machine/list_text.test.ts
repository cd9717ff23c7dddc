/** What a list of a million elements costs, in characters that an append copies, not in time. */

import { ListText } from '../../../kv/core/machine/list_text';

/** Nothing else tells how a list is kept. */
const blocksOf = (list: ListText): readonly string[] => Reflect.get(list, 'blocks');
const tailOf = (list: ListText): string => Reflect.get(list, 'tail');
const looseOf = (list: ListText): number => Reflect.get(list, 'loose');

function startOf(text: string): ListText {
  const list = ListText.from(text);
  if (list === undefined) throw new Error(`${text} is no list`);
  return list;
}

/**
 * Appends `count` elements and counts what was copied: its own text for each element, and all of the
 * tail, or of the block that it became, whenever that was made flat.
 */
function grow(list: ListText, count: number): { list: ListText; copied: number; most: number } {
  let [now, copied, most] = [list, 0, 0];
  for (let i = 0; i < count; i++) {
    const value = String(1_000_000 + i);
    const blocks = blocksOf(now).length;
    const next = now.append(value);
    const made = blocksOf(next)[blocks] ?? tailOf(next);
    const cost = value.length + (looseOf(next) === 0 ? made.length : 0);
    copied += cost;
    most = Math.max(most, cost);
    now = next;
  }
  return { list: now, copied, most };
}

test('an append to a list of a million elements copies what one to an empty list does', () => {
  const begun = startOf('[]');
  const first = grow(begun, 100_000);
  const middle = grow(first.list, 800_000);
  const last = grow(middle.list, 100_000);
  expect(last.list.length).toBe(8_000_001);
  // Within one block, which the counting may begin in the middle of.
  expect(Math.abs(last.copied - first.copied)).toBeLessThan(100 * 16 * 1024);
  expect(last.copied).toBeLessThan(100_000 * 512);
  expect([last.most, first.most].every((most) => most < 17 * 1024)).toBe(true);
  // What was made before is never touched again, and not even the list of the blocks is copied.
  expect(blocksOf(last.list)).toBe(blocksOf(first.list));
});

test('a list that was restored as one long text is not copied when it goes on growing', () => {
  const text = `[${Array.from({ length: 200_000 }, (_, i) => i).join(',')}]`;
  const restored = startOf(text);
  const grown = grow(restored, 1000);
  expect(blocksOf(grown.list)[0]).toBe(text.slice(0, -1));
  expect(grown.copied).toBeLessThan(1000 * 512);
  expect(grown.list.text().length).toBe(grown.list.length);
});

test('a snapshot takes pieces of bounded size, but for a text that came in as a whole', () => {
  const { list } = grow(startOf('[]'), 100_000);
  const pieces = [...list.pieces()];
  expect(pieces.join('')).toBe(list.text());
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(17 * 1024);
});
