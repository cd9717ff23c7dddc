/** One client: one connection, one request under way. */

import { LoadSocket } from './load_socket';
import type { Run } from './run';
import type { Talk } from './talk';

/** After so long without an answer a client pings, if its system has pings. */
const PATIENCE_MS = 200;

export class Client {
  private sentAt = 0;
  private greeted: (() => void) | undefined;
  private readonly socket: LoadSocket;
  private watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly run: Run,
    private readonly talk: Talk,
  ) {
    this.socket = new LoadSocket(run, (bytes, size) => this.read(bytes, size));
  }

  /** Resolves when the connection stands and the greeting is answered. */
  connect(port: number): Promise<void> {
    const { greeting } = this.talk;
    return this.socket.open(port, (ready) => {
      if (greeting === undefined) return ready();
      this.greeted = ready;
      this.socket.write(greeting);
    });
  }

  start(now: number): void {
    if (this.talk.ping !== undefined) this.watch = setInterval(() => this.look(), PATIENCE_MS);
    this.next(now);
  }

  /** Resolves when the connection is closed. */
  close(): Promise<void> {
    clearInterval(this.watch);
    return this.socket.close(this.talk.farewell);
  }

  private read(bytes: Buffer, size: number): void {
    if (!this.talk.take(bytes, size)) return;
    if (this.greeted !== undefined) {
      this.greeted();
      this.greeted = undefined;
      return;
    }
    const now = performance.now();
    this.run.done(now - this.sentAt, this.talk.complaint);
    this.next(now);
  }

  private next(now: number): void {
    const { run, talk } = this;
    const n = run.next(now);
    if (n < 0) {
      clearInterval(this.watch);
      return;
    }
    this.sentAt = now;
    this.socket.write(talk.request(run.operationOf(n), run.keyOf(n)));
  }

  private look(): void {
    const { talk, socket } = this;
    if (performance.now() - this.sentAt < PATIENCE_MS) return;
    if (talk.ping !== undefined) socket.write(talk.ping());
  }
}
