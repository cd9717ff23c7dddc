/**
 * An HTTP client that does nothing by itself: it sends the bytes it is given and cuts what comes
 * back into responses. Text stands for bytes, one character for each.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The whole response as it came, but for the value of Date. */
  readonly raw: string;
}

/** A request with Host and, where there is a body, Content-Type and Content-Length. */
export function request(
  method: string,
  target: string,
  body?: string | Buffer,
  headers: readonly string[] = [],
): string {
  const text = typeof body === 'string' ? Buffer.from(body).toString('latin1') : undefined;
  const bytes = text ?? (body as Buffer | undefined)?.toString('latin1');
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: test', ...headers];
  const has = (name: string) => headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  if (bytes !== undefined) {
    if (!has('content-type')) lines.push('Content-Type: application/json');
    if (!has('content-length') && !has('transfer-encoding')) {
      lines.push(`Content-Length: ${bytes.length}`);
    }
  }
  return `${lines.join('\r\n')}\r\n\r\n${bytes ?? ''}`;
}

export class RawClient {
  private received = '';
  /** How much must have come before it is worth looking again. */
  private awaited = 0;
  private wake: () => void = () => undefined;
  private ended = false;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    // A reset is an end too; what had come before it still counts.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** The next response; `method` tells whether it may have a body. */
  async next(method = 'GET'): Promise<RawResponse> {
    for (;;) {
      const response = this.cut(method);
      if (response !== undefined) return response;
      if (this.ended) throw new Error(`the connection ended after: ${this.received.slice(0, 500)}`);
      await this.moreOrEnd();
    }
  }

  /** Waits until the server has closed; gives what came that was not taken by `next`. */
  async closed(): Promise<string> {
    while (!this.ended) await this.moreOrEnd();
    return this.received;
  }

  close(): void {
    this.socket.destroy();
  }

  private moreOrEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private cut(method: string): RawResponse | undefined {
    if (this.received.length < this.awaited) return undefined;
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [statusLine = '', ...lines] = this.received.slice(0, headEnd).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(': ');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    const status = Number(statusLine.split(' ')[1]);
    const bodiless = method === 'HEAD' || status === 204 || status < 200;
    const bodyEnd = headEnd + 4 + (bodiless ? 0 : Number(headers['content-length']));
    this.awaited = bodyEnd;
    if (this.received.length < bodyEnd) return undefined;
    this.awaited = 0;
    const raw = this.received.slice(0, bodyEnd).replace(/\r\nDate: [^\r]*/, '\r\nDate:');
    const body = this.received.slice(headEnd + 4, bodyEnd);
    this.received = this.received.slice(bodyEnd);
    return { status, headers, body, raw };
  }
}

/** Sends one request on a connection of its own. */
export async function ask(
  port: number,
  text: string,
  method = text.slice(0, text.indexOf(' ')),
): Promise<RawResponse> {
  const client = await RawClient.open(port);
  try {
    return await client.send(text).next(method);
  } finally {
    client.close();
  }
}
