/**
 * The bytes of a connection that no request has been made of yet: the beginning of one, or whole
 * ones that must wait. What comes is added in place where there is room, and the room doubles, so
 * that a body in many pieces is copied about twice and needs about its own size.
 */

const NONE: Buffer = Buffer.alloc(0);

export class UnreadBytes {
  private room = NONE;
  length = 0;

  /** Makes `bytes` the only ones. They are not copied: nobody else may change them. */
  set(bytes: Buffer): void {
    this.room = bytes;
    this.length = bytes.length;
  }

  /** `most` is how long the whole is going to be, if that is known: then no room is wasted. */
  add(bytes: Buffer, most: number): void {
    const length = this.length + bytes.length;
    if (length > this.room.length) {
      // Never less than what is here, and twice as much only where that much is going to come.
      const wanted = Math.max(length, Math.min(2 * length, most));
      const room = Buffer.allocUnsafeSlow(wanted);
      this.room.copy(room, 0, 0, this.length);
      this.room = room;
    }
    bytes.copy(this.room, this.length);
    this.length = length;
  }

  /** Gives all bytes and forgets them. */
  take(): Buffer {
    const { room, length } = this;
    this.room = NONE;
    this.length = 0;
    return length === room.length ? room : room.subarray(0, length);
  }
}
