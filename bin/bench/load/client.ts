/**
 * One client: one connection, one request under way. It reads into one buffer that all clients of a
 * process share, because nothing of an answer is kept.
 */

import { connect, type Socket } from 'node:net';
import type { Run } from './run';
import type { Talk } from './talk';

const HOST = '127.0.0.1';
const READ_BYTES = 1 << 17;
const INPUT = Buffer.alloc(READ_BYTES);
/** After so long without an answer a client pings, if its system has pings. */
const PATIENCE_MS = 200;

export class Client {
  private sentAt = 0;
  private isOver = false;
  private greeted: (() => void) | undefined;
  private socket: Socket | undefined;
  private watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly run: Run,
    private readonly talk: Talk,
  ) {}

  /** Resolves when the connection stands and the greeting is answered. */
  connect(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { greeting } = this.talk;
      const callback = (size: number) => {
        this.read(size);
        return true;
      };
      const socket = connect({ port, host: HOST, onread: { buffer: INPUT, callback } }, () => {
        if (greeting === undefined) return resolve();
        this.greeted = resolve;
        socket.write(greeting);
      });
      socket.setNoDelay(true);
      socket.on('error', (error) => this.broken(error, reject));
      socket.on('close', () => this.broken(new Error('a connection was closed'), reject));
      this.socket = socket;
    });
  }

  start(now: number): void {
    if (this.talk.ping !== undefined) this.watch = setInterval(() => this.look(), PATIENCE_MS);
    this.next(now);
  }

  /** Resolves when the connection is closed. */
  close(): Promise<void> {
    this.isOver = true;
    clearInterval(this.watch);
    return new Promise((resolve) => {
      const { socket, talk } = this;
      if (socket === undefined || socket.destroyed) return resolve();
      socket.on('close', () => resolve());
      if (talk.farewell === undefined) socket.destroy();
      else socket.end(talk.farewell);
    });
  }

  private read(size: number): void {
    // What comes after the farewell concerns nobody.
    if (this.isOver || !this.talk.take(INPUT, size)) return;
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
    this.socket?.write(talk.request(run.operationOf(n), run.keyOf(n)));
  }

  private look(): void {
    const { talk, socket } = this;
    if (performance.now() - this.sentAt < PATIENCE_MS) return;
    if (talk.ping !== undefined) socket?.write(talk.ping());
  }

  private broken(error: Error, reject: (error: Error) => void): void {
    if (this.isOver) return;
    reject(error);
    this.run.fail(error);
  }
}
