/** The receiving end of one accepted connection: bytes to frames, frames to messages. */

import type { Socket } from 'node:net';
import { DecodeError } from '../core/bytes';
import type { Lane, MessageCodec } from '../core/protocol';
import { FrameError, FrameParser } from './frame';
import type { Hello } from './handshake';
import { PROBE_ANSWER } from './peer_sender';

export interface ReceiverEvents<Message> {
  message(message: Message, bytes: number): void;
  /** Called once, unless `destroy` was called before. `malformed` is worth a line in the log. */
  closed(reason: string, malformed: boolean): void;
}

const ANSWER = Uint8Array.of(PROBE_ANSWER);

export class PeerReceiver<Message> {
  private readonly parser: FrameParser;
  private closed = false;

  constructor(
    readonly hello: Hello,
    private readonly socket: Socket,
    seed: number,
    maxFrameBytes: number,
    private readonly codec: MessageCodec<Message>,
    private readonly events: ReceiverEvents<Message>,
  ) {
    this.parser = new FrameParser(seed, maxFrameBytes, (body) => this.receive(body));
    socket.on('data', (chunk) => this.push(chunk));
    socket.on('end', () => this.ended('the peer closed it'));
    socket.on('error', (error) => this.ended(error.message));
    socket.on('close', () => this.ended('it was closed'));
  }

  get lane(): Lane {
    return this.hello.lane;
  }

  /** For the bytes that came along with the request to upgrade. */
  push(chunk: Uint8Array): void {
    if (this.closed) return;
    try {
      // A plain view: the methods of Buffer mean other things than those of Uint8Array.
      this.parser.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.close(error.message, true);
    }
  }

  /** Nothing is delivered from now on, and `closed` is not called. */
  destroy(): void {
    this.closed = true;
    this.parser.stop();
    this.socket.destroy();
  }

  private receive(body: Uint8Array): void {
    if (body.length === 0) {
      // A peer that does not read its answers gets no more of them, rather than a growing queue.
      if (!this.socket.writableNeedDrain) this.socket.write(ANSWER);
      return;
    }
    const message = this.decode(body);
    this.events.message(message, body.length);
  }

  private decode(body: Uint8Array): Message {
    try {
      return this.codec.decode(body);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new FrameError(`a message cannot be decoded: ${error.message}`);
    }
  }

  private ended(reason: string): void {
    if (this.parser.insideFrame) this.close('the connection ended within a frame', true);
    else this.close(reason, false);
  }

  private close(reason: string, malformed: boolean): void {
    if (this.closed) return;
    this.destroy();
    this.events.closed(reason, malformed);
  }
}
