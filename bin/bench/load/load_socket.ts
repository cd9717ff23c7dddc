/**
 * A connection of the generator. All connections of a process read into one buffer, because nothing of
 * an answer is kept.
 */

import { connect, type Socket } from 'node:net';
import type { Run } from './run';

export const HOST = '127.0.0.1';
const INPUT = Buffer.alloc(1 << 17);

export class LoadSocket {
  private isOver = false;
  private socket: Socket | undefined;

  /** `onBytes` gets the first `size` bytes of a buffer that is used again afterwards. */
  constructor(
    private readonly run: Run,
    private readonly onBytes: (bytes: Buffer, size: number) => void,
  ) {}

  /**
   * Resolves when `greet`, which is called when the connection stands, says that it is ready for
   * requests. A connection that breaks ends the run.
   */
  open(port: number, greet: (ready: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const callback = (size: number) => {
        // What comes after the farewell concerns nobody.
        if (!this.isOver) this.onBytes(INPUT, size);
        return true;
      };
      const onread = { buffer: INPUT, callback };
      const socket = connect({ port, host: HOST, onread }, () => greet(resolve));
      socket.setNoDelay(true);
      const broken = (error: Error) => {
        if (this.isOver) return;
        reject(error);
        this.run.fail(error);
      };
      socket.on('error', broken);
      socket.on('close', () => broken(new Error('a connection was closed')));
      this.socket = socket;
    });
  }

  write(bytes: Buffer): void {
    this.socket?.write(bytes);
  }

  /** Ends the connection, and the run with it. */
  destroy(error: Error): void {
    this.socket?.destroy(error);
  }

  /** Resolves when the connection is closed. */
  close(farewell?: Buffer): Promise<void> {
    this.isOver = true;
    return new Promise((resolve) => {
      const { socket } = this;
      if (socket === undefined || socket.destroyed) return resolve();
      socket.on('close', () => resolve());
      if (farewell === undefined) socket.destroy();
      else socket.end(farewell);
    });
  }
}
