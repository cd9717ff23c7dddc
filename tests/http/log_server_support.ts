/** A server on a free port in front of a `FakeLogService`, and a reader of server-sent events. */

import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogServer } from '../../kv/http/log_server';
import type { HttpServer } from '../../kv/http/server';
import { FakeLogService } from '../support/fake_log_service';
import { ask, type RawResponse, request } from './raw_client';

export interface LogTestServer extends HttpServer {
  readonly port: number;
  readonly service: FakeLogService;
  readonly errors: unknown[];
  send(...parts: Parameters<typeof request>): Promise<RawResponse>;
  stop(): Promise<void>;
}

type Options = Partial<Parameters<typeof createLogServer>[1]>;

export async function startLogServer(
  options: Options = {},
  service = new FakeLogService(),
): Promise<LogTestServer> {
  const errors: unknown[] = [];
  const http = createLogServer(service, { onError: (error) => errors.push(error), ...options });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  const { port } = http.server.address() as AddressInfo;
  return {
    ...http,
    port,
    service,
    errors,
    send: (...parts) => ask(port, request(...parts)),
    stop: () => {
      const drained = http.drain();
      http.cut();
      return drained;
    },
  };
}

/** What a stream has said so far. */
export class EventReader {
  text = '';
  ended = false;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly outgoing: ClientRequest,
    readonly response: IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.text += text;
      this.wake();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  static async open(
    url: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventReader> {
    const outgoing = get(url, { headers, agent: false });
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    outgoing.on('error', () => undefined);
    return new EventReader(outgoing, response);
  }

  get messages(): { id: string; message: string; order: number }[] {
    return this.events.filter(({ event }) => event === 'message').map(({ data }) => data as never);
  }

  get events(): { event: string; id: string | undefined; data: unknown }[] {
    const blocks = this.text.split('\n\n').slice(0, -1);
    return blocks.flatMap((block) => {
      const field = (name: string): string | undefined =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field('data');
      if (data === undefined) return [];
      return [{ event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) }];
    });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.ended) throw new Error(`the stream ended after: ${this.text.slice(-500)}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async untilEnd(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    this.outgoing.destroy();
  }
}
