/**
 * The answer to `GET /messages` and `GET /full_messages`: the whole log, or a part of it.
 *
 * A log may be too large for one text of it, so it is read and sent page by page, each when the
 * client has taken the one before. What came after the request is not part of the answer. If the
 * log is cleared meanwhile, or retention overtakes the reader, there is no honest end to the
 * answer: then it breaks off, which every client notices by the missing last chunk. A header names
 * the log, because whoever reads on from a place in one must know when it is in another.
 */

import type { ServerResponse } from 'node:http';
import type { LogMessage, LogService, PageReply } from '../service';
import type { LogRange } from './log_range';
import { sendError } from './replies';
import { bodyHeaders, emptyHeaders, JSON_TYPE } from './reply_parts';

const PAGE_MESSAGES = 1000;

type Page = Extract<PageReply, { ok: true }>;

export class LogPages {
  /** The order of the next message; undefined before the first page. */
  private at: number | undefined;
  /** The answer ends before this order. */
  private end = Number.POSITIVE_INFINITY;
  private log = '';
  private separator = '';

  constructor(
    private readonly res: ServerResponse,
    private readonly service: Pick<LogService, 'read'>,
    private readonly range: LogRange,
    private readonly textOf: (message: LogMessage) => string,
  ) {}

  send(): void {
    const { from, limit = Number.POSITIVE_INFINITY } = this.range;
    this.service.read(from, Math.min(limit, PAGE_MESSAGES), (page) => {
      const { res } = this;
      if (!page.ok) return sendError(res, page.error);
      const first = page.next - page.messages.length;
      this.end = Math.max(page.next, Math.min(page.end, first + limit));
      this.log = page.log;
      // As long as a secondary has not learned the name, there is none.
      const named = page.log === '' ? [] : ['X-Quorum-Log', page.log];
      const text = `{"messages":[${this.take(page)}`;
      if (this.at === this.end) return this.sendWhole(text + this.epilogue(), named);
      res.writeHead(200, ['Content-Type', JSON_TYPE, ...emptyHeaders(named)]);
      if (res.req.method === 'HEAD') return void res.end();
      res.write(text);
      this.more();
    });
  }

  private sendWhole(text: string, headers: string[]): void {
    this.res.writeHead(200, bodyHeaders(JSON_TYPE, Buffer.byteLength(text), headers));
    this.res.end(text);
  }

  private more(): void {
    const { res } = this;
    if (res.destroyed) return;
    if (res.writableNeedDrain) return void res.once('drain', () => this.more());
    const limit = Math.min(this.end - (this.at ?? 0), PAGE_MESSAGES);
    this.service.read(this.at, limit, (page) => {
      if (!page.ok || page.log !== this.log || page.messages.length === 0)
        return void res.destroy();
      const text = this.take(page);
      if (this.at === this.end) return void res.end(text + this.epilogue());
      res.write(text);
      this.more();
    });
  }

  private take(page: Page): string {
    this.at = page.next;
    let text = '';
    for (const message of page.messages) {
      text += this.separator + this.textOf(message);
      this.separator = ',';
    }
    return text;
  }

  /** Whoever asks for a part is told where the next one begins. */
  private epilogue(): string {
    const { from, limit } = this.range;
    return from === undefined && limit === undefined ? ']}\n' : `],"next":${this.at}}\n`;
  }
}
