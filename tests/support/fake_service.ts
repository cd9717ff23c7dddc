/**
 * A key/value service in memory, by the dumbest means, that can be told to answer anything: for
 * tests of what stands in front of a service.
 */

import type { ByteString, Command, CommandResult } from '../../kv/core/command';
import type { OperatingError } from '../../kv/core/errors';
import type {
  KeyValueService,
  Readiness,
  ReadOptions,
  ReadReply,
  Served,
  WriteOptions,
  WriteReply,
} from '../../kv/service';
import { statusExample } from './status_example';

export interface RecordedWrite {
  readonly kind: Command['kind'];
  readonly key: ByteString;
  /** The bytes of the value as text, one character for each. */
  readonly value?: ByteString;
  readonly options: WriteOptions;
}

export class FakeService implements KeyValueService {
  readonly state = new Map<ByteString, ByteString>();
  readonly writes: RecordedWrite[] = [];
  readonly reads: { readonly key: ByteString; readonly options: ReadOptions }[] = [];
  served: Served = {
    index: 0,
    term: 3,
    node: '127.0.0.1:6000',
    leader: '127.0.0.1:6001',
    ageMs: 0,
  };
  ready: Readiness = { ready: true, reason: 'ready' };

  private error: OperatingError | undefined;
  private result: CommandResult | undefined;
  private thrown: Error | undefined;
  private held: (() => void)[] | undefined;
  private readonly waiting: { readonly calls: number; readonly wake: () => void }[] = [];

  /** Every request is answered with this error, changing nothing, until `undefined` is given. */
  fail(error: OperatingError | undefined): void {
    this.error = error;
  }

  /** Every write has this result, changing nothing, until `undefined` is given. */
  answerWrites(result: CommandResult | undefined): void {
    this.result = result;
  }

  /** The next call of any kind throws. */
  throwOnce(error: Error): void {
    this.thrown = error;
  }

  /** From now on answers wait for `release`. */
  hold(): void {
    this.held ??= [];
  }

  /** Gives all answers that wait, in the order that `order` makes of them. */
  release(order: 'first_to_last' | 'last_to_first' = 'first_to_last'): void {
    const held = this.held ?? [];
    this.held = undefined;
    if (order === 'last_to_first') held.reverse();
    for (const answer of held) answer();
  }

  /** Resolves when the service has been called `calls` times in all. */
  called(calls: number): Promise<void> {
    return new Promise((wake) => {
      this.waiting.push({ calls, wake });
      this.wakeWaiting();
    });
  }

  write(command: Command, options: WriteOptions, done: (reply: WriteReply) => void): void {
    const value = 'value' in command ? { value: latin1(command.value) } : {};
    this.writes.push({ kind: command.kind, key: command.key, ...value, options });
    this.wakeWaiting();
    this.throwIfTold();
    this.answer(() => {
      if (this.error !== undefined) return done({ ok: false, error: this.error });
      const result = this.result ?? this.apply(command);
      done({ ok: true, result, served: this.served });
    });
  }

  read(key: ByteString, options: ReadOptions, done: (reply: ReadReply) => void): void {
    this.reads.push({ key, options });
    this.wakeWaiting();
    this.throwIfTold();
    this.answer(() => {
      if (this.error !== undefined) return done({ ok: false, error: this.error });
      done({ ok: true, answer: this.state.get(key), served: this.served });
    });
  }

  status(): Readonly<Record<string, unknown>> {
    this.throwIfTold();
    return statusExample();
  }

  readiness(): Readiness {
    return this.ready;
  }

  async metrics(): Promise<{ contentType: string; text: string }> {
    this.throwIfTold();
    return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'fake_total 1\n' };
  }

  private apply(command: Command): CommandResult {
    const before = this.state.get(command.key);
    if (command.kind === 'delete') {
      if (!this.state.delete(command.key)) return 'not_found';
    } else if (command.kind === 'put') {
      this.state.set(command.key, latin1(command.value));
    } else {
      if (before !== undefined && !before.startsWith('[')) return 'not_a_list';
      const rest = before === undefined ? '' : before.slice(1, -1).trim();
      const items = rest === '' ? [] : [rest];
      this.state.set(command.key, `[${[...items, latin1(command.value)].join(',')}]`);
    }
    this.served = { ...this.served, index: this.served.index + 1 };
    return 'ok';
  }

  private answer(give: () => void): void {
    if (this.held === undefined) setImmediate(give);
    else this.held.push(give);
  }

  private throwIfTold(): void {
    const { thrown } = this;
    this.thrown = undefined;
    if (thrown !== undefined) throw thrown;
  }

  private wakeWaiting(): void {
    const calls = this.writes.length + this.reads.length;
    for (const each of this.waiting) if (calls >= each.calls) each.wake();
  }
}

function latin1(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes).toString('latin1');
}
