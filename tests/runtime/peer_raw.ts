/** A stranger, or a peer that misbehaves: raw bytes to a peer address, and what comes back. */

import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { nodeId } from '../../kv/core/ids';
import { frameSeed } from '../../kv/runtime/frame';
import {
  drawToken,
  type Hello,
  helloHeaders,
  PROTOCOL_VERSION,
  transcript,
  UPGRADE,
} from '../../kv/runtime/handshake';
import { NOTES, note } from './peer_support';

export class RawConnection {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private wake: () => void = () => undefined;
  private isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  end(): this {
    this.socket.end();
    return this;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Everything that comes until the other side closes. */
  async rest(): Promise<string> {
    await this.until(() => this.isClosed);
    return this.received.toString('latin1');
  }

  /** One answer without a body, or with one of a stated length. */
  async answer(): Promise<Answer> {
    await this.until(() => this.isClosed || this.wholeAnswer() !== undefined);
    const answer = this.wholeAnswer();
    if (answer === undefined) throw new Error(`no answer, but: ${this.received.toString()}`);
    this.received = this.received.subarray(answer.bytes);
    return answer;
  }

  private wholeAnswer(): (Answer & { readonly bytes: number }) | undefined {
    const text = this.received.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [first = '', ...lines] = text.slice(0, end).split('\r\n');
    const pairs = lines.map((line) => line.toLowerCase().split(': ') as [string, string]);
    const headers = Object.fromEntries(pairs);
    const bytes = end + 4 + bodyLength(headers, text.slice(end + 4));
    if (text.length < bytes) return undefined;
    const status = Number(first.split(' ')[1]);
    return { status, headers, body: text.slice(end + 4, bytes), bytes };
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function bodyLength(headers: Readonly<Record<string, string>>, body: string): number {
  if (headers['transfer-encoding'] !== 'chunked') return Number(headers['content-length'] ?? 0);
  const end = body.indexOf('0\r\n\r\n');
  return end < 0 ? Number.POSITIVE_INFINITY : end + 5;
}

/** What a test changes of an honest handshake from `n2` to `n1`. */
export interface Lie extends Partial<Hello> {
  readonly secret?: string | undefined;
  /** Headers that replace or, when undefined, remove what would be sent. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

export interface Knock {
  readonly connection: RawConnection;
  readonly answer: Answer;
  /** The request that was sent, to be replayed. */
  readonly request: string;
  /** Makes a frame for this connection. */
  frame(body: Uint8Array): Buffer;
}

export const challengeRequest = 'GET / HTTP/1.1\r\nhost: x\r\nkv-peer-version: 1\r\n\r\n';

export async function challenged(port: number): Promise<[RawConnection, string]> {
  const connection = new RawConnection(port).send(challengeRequest);
  const { headers } = await connection.answer();
  return [connection, headers['kv-peer-challenge'] ?? ''];
}

let epoch = 0;
const INSTANCE = drawToken();

export function honestHello(lie: Partial<Hello> = {}): Hello {
  const ids = { from: nodeId('n2'), to: nodeId('n1') };
  const names = { version: PROTOCOL_VERSION, cluster: 'test', ...ids, lane: 'control' as const };
  epoch++;
  return { ...names, instance: INSTANCE, epoch, storage: 0, nonce: drawToken(), ...lie };
}

/** Goes through the handshake, lying where told. */
export async function knock(port: number, lie: Lie = {}): Promise<Knock> {
  const { secret, headers = {}, ...changes } = lie;
  const [connection, challenge] = await challenged(port);
  const hello = honestHello(changes);
  const said = { ...helloHeaders(hello, challenge, secret), ...headers };
  const request = upgradeRequest(said);
  const answer = await connection.send(request).answer();
  const seed = () => {
    const from = nodeId(decodeURIComponent(answer.headers['kv-peer-from'] ?? ''));
    const instance = answer.headers['kv-peer-instance'] ?? '';
    const storage = Number(answer.headers['kv-peer-storage']);
    return frameSeed(transcript(hello, challenge, { from, instance, storage }));
  };
  return { connection, answer, request, frame: (body) => frameOf(body, seed()) };
}

export function upgradeRequest(headers: Readonly<Record<string, string | undefined>>): string {
  const all = { host: 'x', connection: 'Upgrade', upgrade: UPGRADE, ...headers };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `GET / HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

export function frameOf(body: Uint8Array, seed: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32(body, seed), 4);
  return Buffer.concat([header, body]);
}

export const noteBody = (number: number): Buffer => Buffer.concat(NOTES.encode(note(number)));
