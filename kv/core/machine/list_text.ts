/**
 * A list that grows by APPEND, at the same cost whether it has no element or a million.
 *
 * Its text is kept without the closing bracket: whole blocks that never change again, and a tail
 * that grows by concatenation. Engines make a tree of concatenated strings rather than copy them;
 * the tail is made flat now and then, so that the tree stays small. Nothing ever touches the whole
 * text but a reader who wants it.
 *
 * A `ListText` never changes: `append` returns the next version, which shares the blocks. So a
 * snapshot keeps a version by keeping a reference to it.
 */

import { invariant } from '../assert';
import type { ByteString } from '../command';

/** What the map holds for a key; both kinds never change and know their `length` in bytes. */
export type Entry = ByteString | ListText;

/** A tail of this length becomes a block. */
const BLOCK_BYTES = 16 * 1024;

/** After so many concatenations the tail is made flat: 512 bytes are copied for each, at most. */
const LOOSE_PIECES = 32;

export class ListText {
  private constructor(
    /** Shared by all versions of the list; only the newest one adds to it. */
    private readonly blocks: ByteString[],
    /** How many of the blocks belong to this version. */
    private readonly count: number,
    private readonly tail: ByteString,
    /** How many pieces were added to the tail since it was flat. */
    private readonly loose: number,
    private readonly empty: boolean,
    /** The length of the whole text, the closing bracket included. */
    readonly length: number,
  ) {}

  /** The list that `text`, a JSON value, denotes, or undefined if it is no list. */
  static from(text: ByteString): ListText | undefined {
    if (text.length < 2 || !text.startsWith('[') || !text.endsWith(']')) return undefined;
    const open = text.slice(0, -1);
    const long = text.length > BLOCK_BYTES;
    const blocks = long ? [open] : [];
    return new ListText(blocks, blocks.length, long ? '' : open, 0, isEmpty(text), text.length);
  }

  /** The length that the text would have with one more element. */
  lengthWith(value: ByteString): number {
    return this.length + (this.empty ? 0 : 1) + value.length;
  }

  append(value: ByteString): ListText {
    const length = this.lengthWith(value);
    const tail = this.tail + (this.empty ? value : `,${value}`);
    if (tail.length < BLOCK_BYTES) {
      const flat = this.loose + 1 === LOOSE_PIECES;
      const loose = flat ? 0 : this.loose + 1;
      const { blocks, count } = this;
      return new ListText(blocks, count, flat ? flattened(tail) : tail, loose, false, length);
    }
    invariant(this.blocks.length === this.count, 'only the newest version of a list may grow', {
      blocks: this.blocks.length,
      count: this.count,
    });
    this.blocks.push(flattened(tail));
    return new ListText(this.blocks, this.count + 1, '', 0, false, length);
  }

  /** The whole JSON text. */
  text(): ByteString {
    return this.count === 0 ? `${this.tail}]` : [...this.pieces()].join('');
  }

  /** The whole JSON text, in pieces. */
  *pieces(): Generator<ByteString, void> {
    for (let i = 0; i < this.count; i++) yield this.blocks[i] as ByteString;
    yield this.tail;
    yield ']';
  }
}

/** Whether there is nothing but JSON's white space between the brackets. */
function isEmpty(text: ByteString): boolean {
  let at = 1;
  while (' \t\n\r'.includes(text.charAt(at))) at++;
  return at === text.length - 1;
}

/** The same text. Looking at a character makes engines turn the tree of pieces into one string. */
function flattened(text: ByteString): ByteString {
  invariant(text.charCodeAt(0) < 256, 'a list must be a byte string', {});
  return text;
}
