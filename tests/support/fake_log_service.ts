/** A message log in memory, by the dumbest means, for tests of what stands in front of a log. */

import { type OperatingError, operatingError } from '../../kv/core/errors';
import type {
  AppendReply,
  FollowOptions,
  LogMessage,
  LogService,
  NewMessage,
  PageReply,
  Readiness,
  Waiting,
} from '../../kv/service';

interface Waiter {
  readonly w: number;
  readonly answer: () => void;
}

export class FakeLogService implements LogService {
  readonly copies = 3;
  messages: LogMessage[] = [];
  /** So many nodes take part in appends right now. */
  reachable = 3;
  allowsClear = false;
  first = 0;
  log = 'log-1';
  ready: Readiness = { ready: true, reason: 'ready' };
  /** Every request is answered with this error. */
  error: OperatingError | undefined;
  /** Messages in one page at most. */
  pageLimit = 1000;
  /** How many pages were read. */
  reads = 0;
  private waiters = new Set<Waiter>();
  private followers = new Set<() => void>();
  private thrown: Error | undefined;

  constructor(readonly isMaster = true) {}

  throwOnce(error: Error | undefined): void {
    this.thrown = error;
  }

  get waiting(): number {
    return this.waiters.size;
  }
  get following(): number {
    return this.followers.size;
  }

  /** So many nodes have everything now. */
  catchUp(reachable: number): void {
    this.reachable = reachable;
    for (const waiter of this.waiters) {
      if (waiter.w > reachable) continue;
      this.waiters.delete(waiter);
      waiter.answer();
    }
  }

  push(...texts: readonly string[]): void {
    for (const text of texts) {
      const order = this.first + this.messages.length;
      this.messages.push({ id: `id-${order}`, text: JSON.stringify(text), order });
    }
    const woken = [...this.followers];
    this.followers.clear();
    for (const wake of woken) wake();
  }

  append({ text, id, w = 3, timeoutMs }: NewMessage, done: (reply: AppendReply) => void): Waiting {
    this.mayThrow();
    const error = this.error ?? this.wrong(w);
    if (error !== undefined) {
      setImmediate(done, { ok: false, error });
      return { forget: () => undefined };
    }
    const known = this.messages.find((each) => each.id === id);
    const order = known?.order ?? this.first + this.messages.length;
    const message = known ?? { id: id ?? `id-${order}`, text, order };
    if (known === undefined) this.messages.push(message);
    const isNew = known === undefined;
    const waiter: Waiter = {
      w,
      answer: () => setImmediate(done, { ok: true, isNew, id: message.id, order }),
    };
    this.waiters.add(waiter);
    this.catchUp(this.reachable);
    if (timeoutMs !== undefined && this.waiters.has(waiter)) {
      setTimeout(() => {
        if (this.waiters.delete(waiter)) done({ ok: false, error: this.late(message, w) });
      }, timeoutMs);
    }
    return { forget: () => this.waiters.delete(waiter) };
  }

  replicate(message: LogMessage, done: (error: OperatingError | undefined) => void): void {
    this.mayThrow();
    if (this.error === undefined) this.messages.push(message);
    setImmediate(done, this.error);
  }

  clear(done: (error: OperatingError | undefined) => void): void {
    const error = this.allowsClear
      ? this.error
      : operatingError('clear_not_allowed', 'Start it with --allow-clear');
    if (error === undefined) {
      this.messages = [];
      this.first = 0;
      this.log = `${this.log}'`;
      this.push();
    }
    setImmediate(done, error);
  }

  read(from: number | undefined, limit: number, done: (reply: PageReply) => void): void {
    this.mayThrow();
    setImmediate(() => done(this.page(from ?? this.first, limit)));
  }

  follow(
    from: number,
    { limit, log, patienceMs }: FollowOptions,
    done: (reply: PageReply) => void,
  ): void {
    const answer = (): void => done(this.page(from, limit, log));
    const reply = this.page(from, limit, log);
    if (!reply.ok || reply.messages.length > 0) return void setImmediate(answer);
    const wake = (): void => {
      clearTimeout(timer);
      setImmediate(answer);
    };
    const timer = setTimeout(() => {
      if (this.followers.delete(wake)) answer();
    }, patienceMs);
    timer.unref();
    this.followers.add(wake);
  }

  secondaries() {
    return {
      'http://localhost:5001': 'Healthy',
      'http://localhost:5002': 'Suspected',
    } as const;
  }

  status() {
    const messages = this.messages.length;
    const orders = { first_order: this.first, next_order: this.first + messages, log: this.log };
    return { protocol: 'log', role: this.isMaster ? 'master' : 'secondary', messages, ...orders };
  }
  readiness(): Readiness {
    return this.ready;
  }
  metrics() {
    return { contentType: 'text/plain; version=0.0.4', text: 'quorum_kv_messages 0\n' };
  }

  private page(from: number, limit: number, log = this.log): PageReply {
    this.reads++;
    if (this.error !== undefined) return { ok: false, error: this.error };
    if (log !== this.log) {
      return { ok: false, error: operatingError('log_cleared', 'The log was cleared') };
    }
    if (from < this.first) {
      const numbers = { from, first: this.first };
      return { ok: false, error: operatingError('below_retention', 'It is gone', numbers) };
    }
    const at = from - this.first;
    const messages = this.messages.slice(at, at + Math.min(limit, this.pageLimit));
    const end = this.first + this.messages.length;
    return { ok: true, messages, next: from + messages.length, end, log: this.log };
  }

  private wrong(w: number): OperatingError | undefined {
    if (Number.isSafeInteger(w) && w >= 1 && w <= this.copies) return undefined;
    const message = 'Write concern w must be in range (1, N+1)';
    return operatingError('write_concern_not_valid', message, { copies: this.copies });
  }

  private late({ id, order }: LogMessage, w: number): OperatingError {
    const numbers = { message_id: id, order, w, copies: this.reachable };
    return operatingError('timeout', `It is on ${this.reachable} of ${w} nodes`, numbers);
  }

  private mayThrow(): void {
    const { thrown } = this;
    this.thrown = undefined;
    if (thrown !== undefined) throw thrown;
  }
}
