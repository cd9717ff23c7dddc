/**
 * The frames of ZooKeeper's protocol as they come in, in whatever pieces: a length, and behind it a
 * header with a code of error, and a body that nobody looks at.
 */

const LENGTH_BYTES = 4;
/** Behind the xid and the number of the transaction. */
const ERROR_AT = 12;
const HEADER_BYTES = 16;

export type OnFrame = (error: number, length: number) => void;

export class JuteFrames {
  /** The answer to a greeting has none. */
  hasHeader = true;
  /** Bytes that are still to come of a frame whose header has been read. */
  private missing = 0;
  private error = 0;
  private length = 0;
  private carry: Buffer | undefined;

  /** Tells each frame that ends in the first `size` bytes; the buffer is used again afterwards. */
  take(input: Buffer, size: number, onFrame: OnFrame): void {
    if (this.missing > size) {
      this.missing -= size;
      return;
    }
    const { carry } = this;
    this.carry = undefined;
    if (carry === undefined) return this.takeFrom(input, size, onFrame);
    const joined = Buffer.concat([carry, input.subarray(0, size)]);
    this.takeFrom(joined, joined.length, onFrame);
  }

  private takeFrom(bytes: Buffer, end: number, onFrame: OnFrame): void {
    let at = this.missing;
    if (at > 0) {
      this.missing = 0;
      onFrame(this.error, this.length);
    }
    while (at < end) {
      const needed = LENGTH_BYTES + (this.hasHeader ? HEADER_BYTES : 0);
      if (end - at < needed) {
        this.carry = Buffer.from(bytes.subarray(at, end));
        return;
      }
      this.length = bytes.readInt32BE(at);
      this.error = this.hasHeader ? bytes.readInt32BE(at + LENGTH_BYTES + ERROR_AT) : 0;
      at += LENGTH_BYTES + this.length;
      if (at > end) this.missing = at - end;
      else onFrame(this.error, this.length);
    }
  }
}
