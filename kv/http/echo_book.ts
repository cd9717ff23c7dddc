/**
 * What was sent to `POST /echo`: a way to try whether a node is there and what it makes of a text,
 * without touching the log. Kept in memory, and only the newest.
 */

const MOST = 100;
const MOST_BYTES = 1024 * 1024;

export class EchoBook {
  private readonly texts: string[] = [];
  private bytes = 0;

  add(message: unknown): void {
    const text = JSON.stringify(message);
    this.texts.push(text);
    this.bytes += text.length;
    while (this.texts.length > MOST || this.bytes > MOST_BYTES) {
      this.bytes -= this.texts.shift()?.length ?? 0;
    }
  }

  /** The text of a JSON list. */
  get json(): string {
    return `[${this.texts.join(',')}]`;
  }
}
