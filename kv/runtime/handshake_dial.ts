/**
 * The dialler's side of the handshake: from an address to a socket that carries frames, or only to
 * the name of whoever listens there.
 */

import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { frameSeed } from './frame';
import {
  ANYBODY,
  challengeOf,
  type Hello,
  helloHeaders,
  readWelcome,
  transcript,
  UPGRADE,
  VERSION_HEADER,
  type Welcome,
} from './handshake';
import type { HostPort } from './peer_options';

export interface DialOrder {
  readonly address: HostPort & { readonly path?: string };
  readonly hello: Hello;
  readonly secret: string | undefined;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export type DialOutcome =
  | {
      readonly ok: true;
      readonly socket: Socket;
      readonly welcome: Welcome;
      /** The seed of the checksums of the frames on this connection. */
      readonly seed: number;
    }
  | DialFailure;

/** `refused`: somebody answered, and will not talk with us (or is not whom we want). */
export interface DialFailure {
  readonly ok: false;
  readonly refused: boolean;
  readonly reason: string;
}

export type Introduction = { readonly ok: true; readonly welcome: Welcome } | DialFailure;

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_REASON_BYTES = 512;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** Calls `done` exactly once, unless the returned function was called before: that gives up. */
export function dial(order: DialOrder, done: (outcome: DialOutcome) => void): () => void {
  return attempt(order, {
    failed: done,
    connected: (welcome, socket, seed) => done({ ok: true, socket, welcome, seed }),
    introduced: () => undefined,
  });
}

/** Asks who listens at an address; the hello of the order is to `ANYBODY`. Else as `dial`. */
export function askWho(order: DialOrder, done: (outcome: Introduction) => void): () => void {
  return attempt(order, {
    failed: done,
    connected: (_welcome, socket) => socket.destroy(),
    introduced: (welcome) => done({ ok: true, welcome }),
  });
}

interface AttemptEvents {
  failed(failure: DialFailure): void;
  connected(welcome: Welcome, socket: Socket, seed: number): void;
  introduced(welcome: Welcome): void;
}

function attempt(order: DialOrder, events: AttemptEvents): () => void {
  const made = new Attempt(order, events);
  made.start();
  return () => made.cancel();
}

class Attempt {
  // One agent with one socket, so that both requests travel on the same connection.
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private timer: NodeJS.Timeout | undefined;
  private finished = false;

  constructor(
    private readonly order: DialOrder,
    private readonly events: AttemptEvents,
  ) {}

  start(): void {
    this.expect('it does not answer', this.order.connectTimeoutMs);
    const request = this.request({ [VERSION_HEADER]: String(this.order.hello.version) });
    request.once('socket', (socket) => {
      socket.once('connect', () => {
        this.expect('it does not finish the handshake', this.order.handshakeTimeoutMs);
      });
    });
    request.once('response', (response) => this.readChallenge(response));
  }

  cancel(): void {
    if (this.finished) return;
    this.finished = true;
    clearTimeout(this.timer);
    this.agent.destroy();
  }

  private readChallenge(response: IncomingMessage): void {
    const challenge = challengeOf(response.headers);
    if (challenge === undefined) {
      response.resume();
      const status = response.statusCode;
      this.fail(`what listens there is not a peer port of quorum-kv (it answers ${status})`, true);
      return;
    }
    // The connection is free for the second request once the first answer was read to its end.
    response.once('end', () => this.upgrade(challenge));
    response.resume();
  }

  private upgrade(challenge: string): void {
    if (this.finished) return;
    const { hello, secret } = this.order;
    const request = this.request({
      connection: 'Upgrade',
      upgrade: UPGRADE,
      ...helloHeaders(hello, challenge, secret),
    });
    request.once('response', (response) => {
      if (hello.to === ANYBODY && response.statusCode === 200) {
        this.readIntroduction(response, challenge);
      } else this.readRefusal(response);
    });
    request.once('upgrade', (response, socket) => {
      // No data can have come along: the acceptor speaks only when it is spoken to.
      this.readWelcome(response, socket, challenge);
    });
  }

  private readWelcome(response: IncomingMessage, socket: unknown, challenge: string): void {
    const { hello, secret } = this.order;
    const welcome = readWelcome(response.headers, hello, challenge, secret);
    const open = socket instanceof Socket && !this.finished;
    if (!open || 'reason' in welcome) {
      if (socket instanceof Socket) socket.destroy();
      this.fail('reason' in welcome ? welcome.reason : 'the connection was given up', true);
      return;
    }
    this.finished = true;
    clearTimeout(this.timer);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    const seed = frameSeed(transcript(hello, challenge, welcome));
    this.events.connected(welcome, socket, seed);
  }

  private readIntroduction(response: IncomingMessage, challenge: string): void {
    const { hello, secret } = this.order;
    const welcome = readWelcome(response.headers, hello, challenge, secret);
    if ('reason' in welcome) return this.fail(welcome.reason, true);
    if (this.finished) return;
    this.cancel();
    this.events.introduced(welcome);
  }

  private readRefusal(response: IncomingMessage): void {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      if (text.length < MAX_REASON_BYTES) text += chunk;
    });
    response.once('close', () => {
      const reason = text.slice(0, MAX_REASON_BYTES).trim();
      this.fail(`it refuses (${response.statusCode}): ${reason}`, true);
    });
  }

  private request(headers: Record<string, string>): ClientRequest {
    const { host, port, path = '/' } = this.order.address;
    const request = get({
      host,
      port,
      path,
      headers,
      agent: this.agent,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    request.on('error', (error) => this.fail(error.message, false));
    return request;
  }

  private expect(otherwise: string, withinMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail(`${otherwise} within ${withinMs} ms`, false), withinMs);
  }

  private fail(reason: string, refused: boolean): void {
    if (this.finished) return;
    this.cancel();
    this.events.failed({ ok: false, refused, reason });
  }
}
