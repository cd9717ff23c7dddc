/** The leaderless service by the dumbest means, which can be told to answer anything. */

import type { ByteString } from '../../kv/core/command';
import type { OperatingError } from '../../kv/core/errors';
import type {
  LeaderlessService,
  PutReply,
  Readiness,
  VersionPut,
  VersionsReply,
} from '../../kv/service';
import { dynamoStatusExample } from './dynamo_status_example';

export class FakeLeaderless implements LeaderlessService {
  readonly gets: { readonly key: ByteString; readonly quorum: number | undefined }[] = [];
  readonly puts: { readonly key: ByteString; readonly put: VersionPut }[] = [];
  /** What was said about membership: a seed, or `leave`. */
  readonly words: string[] = [];
  versions: Extract<VersionsReply, { ok: true }> = { ok: true, values: [], metadata: [] };
  ready: Readiness = { ready: true, reason: 'ready' };

  private error: OperatingError | undefined;
  private thrown: Error | undefined;

  /** How often anything was asked for that a client's request stands for. */
  get calls(): number {
    return this.gets.length + this.puts.length + this.words.length;
  }

  /** Every request is answered with this error until `undefined` is given. */
  fail(error: OperatingError | undefined): void {
    this.error = error;
  }

  /** The next call of any kind throws. */
  throwOnce(error: Error): void {
    this.thrown = error;
  }

  get(key: ByteString, quorum: number | undefined, done: (reply: VersionsReply) => void): void {
    this.gets.push({ key, quorum });
    this.throwIfTold();
    const { error } = this;
    setImmediate(done, error === undefined ? this.versions : { ok: false, error });
  }

  put(key: ByteString, put: VersionPut, done: (reply: PutReply) => void): void {
    this.puts.push({ key, put });
    this.throwIfTold();
    const { error } = this;
    setImmediate(done, error === undefined ? { ok: true, metadata: 'AQ' } : { ok: false, error });
  }

  join(seed: string, done: (error: OperatingError | undefined) => void): void {
    this.change(seed, done);
  }

  leave(done: (error: OperatingError | undefined) => void): void {
    this.change('leave', done);
  }

  lookup(): readonly (readonly [string, string])[] {
    this.throwIfTold();
    return [['node01', '127.0.0.1:9701']];
  }

  members(): readonly string[] {
    return ['node01'];
  }

  records(): number {
    return 3;
  }

  status(): Readonly<Record<string, unknown>> {
    this.throwIfTold();
    return dynamoStatusExample();
  }

  readiness(): Readiness {
    return this.ready;
  }

  metrics(): { contentType: string; text: string } {
    this.throwIfTold();
    return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'fake_total 1\n' };
  }

  private change(word: string, done: (error: OperatingError | undefined) => void): void {
    this.words.push(word);
    this.throwIfTold();
    setImmediate(done, this.error);
  }

  private throwIfTold(): void {
    const { thrown } = this;
    this.thrown = undefined;
    if (thrown !== undefined) throw thrown;
  }
}
