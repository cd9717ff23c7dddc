/**
 * Following the log: `GET /messages/stream`, as server-sent events.
 *
 * A follower is an offset and a connection. Messages are not pushed to it: it asks for a page when
 * its client has taken what was sent before. So a slow client costs one page of memory however far
 * it falls behind, and delays nobody. Followers are bounded in number; one whose client takes
 * nothing for long is given up, because its place may be wanted.
 *
 * The id of an event is `<log>:<order>`, because orders begin anew with each log: whoever comes again
 * and has read another one is told `cleared`, and begins at the oldest message of the one that is
 * there. The id of `cleared` is that of the place before it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogService, PageReply } from '../service';
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

type Page = Extract<PageReply, { ok: true }>;

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
    const place = placeOf(req);
    if (place instanceof Refusal) return sendRefusal(res, place);
    const { maxStreams } = this.limits;
    if (this.followers.size >= maxStreams) {
      const hint = `There are ${maxStreams} followers; ask GET /messages?from= now and then instead.`;
      return sendRefusal(res, new Refusal('too_many_streams', hint, { limit: maxStreams }));
    }
    this.readAt(place, (page) => {
      if (!page.ok && !isCleared(page)) return sendError(res, page.error);
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

  /** The first page tells which log this is, and whether the place is still kept. */
  private readAt({ log, from }: Place, done: (page: PageReply) => void): void {
    if (log === undefined || from === undefined) this.service.read(from, PAGE_MESSAGES, done);
    else this.service.follow(from, { limit: PAGE_MESSAGES, log, patienceMs: 0 }, done);
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

interface Place {
  /** The log that was read so far; undefined: whichever is there. */
  readonly log: string | undefined;
  /** The oldest message that is kept when undefined. */
  readonly from: number | undefined;
}

/** `Last-Event-ID` says what the client has; it comes with a repeated request, so it counts more. */
function placeOf(req: IncomingMessage): Place | Refusal {
  const range = parseRange(queryOf(req.url ?? ''), ['from']);
  if (range instanceof Refusal) return range;
  const last = req.headers['last-event-id'];
  if (last === undefined) return { log: undefined, from: range.from };
  const place = placeBehind(String(last));
  if (place !== undefined) return place;
  const hint =
    'Last-Event-ID must be the id of an event of this stream, or the order of a message.';
  return new Refusal('parameter_not_valid', hint, { parameter: 'Last-Event-ID' });
}

/** Behind an event; `<log>:-1` is behind that of a log whose messages are all to come. */
function placeBehind(id: string): Place | undefined {
  const colon = id.indexOf(':');
  // A plain number is an order in whatever log is there: clients may know no more.
  const log = colon < 0 ? undefined : id.slice(0, colon);
  const order = id.slice(colon + 1);
  const isOrder = /^[0-9]{1,15}$/.test(order) || (log !== undefined && order === '-1');
  return isOrder ? { log, from: Number(order) + 1 } : undefined;
}

class Follower {
  private at = 0;
  private log: string | undefined;
  private stall: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly service: Pick<LogService, 'read' | 'follow'>,
    private readonly res: ServerResponse,
    private readonly limits: StreamLimits,
  ) {}

  /** Sends a page, and asks for the next one once the client has taken it. */
  took(page: PageReply, isAnotherLog = false): void {
    if (this.isClosed) return;
    if (page.ok) {
      this.at = page.next;
      this.log = page.log;
      this.write(eventsOf(page, isAnotherLog));
    } else if (isCleared(page)) {
      // What is told of it names the log that is there now.
      this.service.read(undefined, PAGE_MESSAGES, (first) => this.took(first, true));
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

const isCleared = (page: PageReply): boolean => !page.ok && page.error.code === 'log_cleared';

function eventsOf({ log, messages, next }: Page, isAnotherLog: boolean): string {
  const before = next - messages.length - 1;
  let text = isAnotherLog ? `event: cleared\nid: ${log}:${before}\ndata: {}\n\n` : '';
  for (const { id, text: message, order } of messages) {
    const data = `{"id":${JSON.stringify(id)},"message":${message},"order":${order}}`;
    text += `id: ${log}:${order}\ndata: ${data}\n\n`;
  }
  return text === '' ? ': nothing new\n\n' : text;
}
