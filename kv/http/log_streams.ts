/**
 * Following the log: `GET /messages/stream`, as server-sent events.
 *
 * A follower is an offset and a connection. Messages are not pushed to it: it asks for a page when
 * its client has taken what was sent before. So a slow client costs one page of memory however far
 * it falls behind, and delays nobody. Followers are bounded in number; one whose client takes
 * nothing for long is given up, because its place may be wanted.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogMessage, LogService, PageReply } from '../service';
import { whenClientEnds } from './client_end';
import { Refusal } from './error_status';
import { queryOf } from './key_target';
import { parseRange } from './log_range';
import { sendError, sendRefusal } from './replies';
import { errorReply } from './reply_parts';

export interface StreamLimits {
  /** Followers at a time. */
  readonly maxStreams: number;
  /** How often an idle follower is sent a comment, so that both ends notice when the other is gone. */
  readonly heartbeatMs: number;
  /** A client that has not taken what was sent for so long is given up. */
  readonly stallMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  maxStreams: 1000,
  heartbeatMs: 15_000,
  stallMs: 60_000,
};

const PAGE_MESSAGES = 256;
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  // Proxies that collect answers would hold every event back.
  'X-Accel-Buffering': 'no',
};

export class LogStreams {
  private readonly followers = new Set<Follower>();
  private ended = false;

  constructor(
    private readonly service: Pick<LogService, 'read' | 'follow'>,
    private readonly limits: StreamLimits,
  ) {}

  open(req: IncomingMessage, res: ServerResponse): void {
    const start = startOf(req);
    if (start instanceof Refusal) return sendRefusal(res, start);
    const { maxStreams } = this.limits;
    if (this.followers.size >= maxStreams) {
      const hint = `There are ${maxStreams} followers; ask GET /messages?from= now and then instead.`;
      return sendRefusal(res, new Refusal('too_many_streams', hint, { limit: maxStreams }));
    }
    // The first page tells which log this is, and whether the place is still kept.
    this.service.read(start, PAGE_MESSAGES, (page) => {
      if (!page.ok) return sendError(res, page.error);
      if (res.destroyed) return;
      res.writeHead(200, HEADERS);
      if (req.method === 'HEAD' || this.ended) return void res.end();
      res.write('retry: 1000\n\n');
      const follower = new Follower(this.service, res, this.limits);
      this.followers.add(follower);
      res.on('close', () => {
        this.followers.delete(follower);
        follower.close();
      });
      // Nobody who goes on reading ends its side, and a place may be wanted.
      whenClientEnds(res, () => res.destroy());
      follower.took(page);
    });
  }

  get size(): number {
    return this.followers.size;
  }

  /** Every client is told that this is the end; it comes again, somewhere else or later. */
  end(): void {
    this.ended = true;
    for (const follower of this.followers) follower.end();
  }
}

/** `Last-Event-ID` says what the client has; it comes with a repeated request, so it counts more. */
function startOf(req: IncomingMessage): number | undefined | Refusal {
  const range = parseRange(queryOf(req.url ?? ''), ['from']);
  if (range instanceof Refusal) return range;
  const last = req.headers['last-event-id'];
  if (last === undefined) return range.from;
  if (typeof last === 'string' && /^[0-9]{1,15}$/.test(last)) return Number(last) + 1;
  const hint = 'Last-Event-ID must be the id of an event of this stream: the order of a message.';
  return new Refusal('parameter_not_valid', hint, { parameter: 'Last-Event-ID' });
}

class Follower {
  private at = 0;
  private log: string | undefined;
  private stall: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly service: Pick<LogService, 'follow'>,
    private readonly res: ServerResponse,
    private readonly limits: StreamLimits,
  ) {}

  /** Sends a page, and asks for the next one once the client has taken it. */
  took(page: PageReply): void {
    if (this.isClosed) return;
    if (page.ok) {
      this.at = page.next;
      this.log = page.log;
      const { messages } = page;
      this.write(messages.length === 0 ? ': nothing new\n\n' : messages.map(eventOf).join(''));
    } else if (page.error.code === 'log_cleared') {
      this.at = 0;
      this.log = undefined;
      this.write('event: cleared\ndata: {}\n\n');
    } else {
      const { body } = errorReply(page.error);
      this.res.end(`event: error\ndata: ${body}\n`);
      this.close();
    }
  }

  end(): void {
    this.close();
    this.res.end();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.stall);
  }

  private write(text: string): void {
    if (this.res.write(text)) return this.more();
    this.stall = setTimeout(() => this.res.destroy(), this.limits.stallMs);
    this.res.once('drain', () => {
      clearTimeout(this.stall);
      if (!this.isClosed) this.more();
    });
  }

  private more(): void {
    const { log, limits } = this;
    const options = { limit: PAGE_MESSAGES, log, patienceMs: limits.heartbeatMs };
    this.service.follow(this.at, options, (page) => this.took(page));
  }
}

const eventOf = ({ id, text, order }: LogMessage): string =>
  `id: ${order}\ndata: {"id":${JSON.stringify(id)},"message":${text},"order":${order}}\n\n`;
