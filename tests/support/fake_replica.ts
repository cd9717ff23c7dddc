/** A convergent replica in memory, by the dumbest means, for tests of what stands in front of it. */

import { type OperatingError, operatingError } from '../../kv/core/errors';
import type {
  KeyChange,
  KeyView,
  KeyViews,
  Readiness,
  ReplicaService,
  ReplicaUpdate,
  StateReply,
  UpdateReply,
  ViewReply,
} from '../../kv/service';

export class FakeReplica implements ReplicaService {
  readonly replicaId = '0123456789ab';
  readonly keys = new Map<string, KeyView>();
  readonly updates: ReplicaUpdate[] = [];
  readonly registered: string[] = [];
  ready: Readiness = { ready: true, reason: 'ready' };
  /** What every request is told instead of being carried out. */
  error: OperatingError | undefined;
  thrown: Error | undefined;

  update(update: ReplicaUpdate, done: (reply: UpdateReply) => void): void {
    if (this.thrown !== undefined) throw this.thrown;
    const { error } = this;
    if (error !== undefined) return void setImmediate(() => done({ ok: false, error }));
    this.updates.push(update);
    const existed = update.changes.map(({ key }) => this.keys.has(key));
    for (const { key, change } of update.changes) this.apply(key, change);
    const state = update.returnsState ? this.views() : [];
    setImmediate(() => done({ ok: true, existed, state }));
  }

  get(key: string, done: (reply: ViewReply) => void): void {
    const { error } = this;
    const reply: ViewReply =
      error === undefined ? { ok: true, view: this.keys.get(key) } : { ok: false, error };
    setImmediate(() => done(reply));
  }

  state(done: (reply: StateReply) => void): void {
    const { error } = this;
    const reply: StateReply =
      error === undefined ? { ok: true, state: this.views() } : { ok: false, error };
    setImmediate(() => done(reply));
  }

  register(url: string, done: (error: OperatingError | undefined) => void): void {
    const isUrl = url.startsWith('http://');
    if (isUrl && this.error === undefined) this.registered.push(url);
    const wrong = isUrl ? undefined : operatingError('peer_url_not_valid', 'it is not a URL');
    setImmediate(() => done(this.error ?? wrong));
  }

  unregister(urlOrId: string, done: (error: OperatingError | undefined) => void): void {
    const at = this.registered.indexOf(urlOrId);
    if (at >= 0) this.registered.splice(at, 1);
    const wrong = at >= 0 ? undefined : operatingError('peer_not_known', 'there is no such peer');
    setImmediate(() => done(this.error ?? wrong));
  }

  digest() {
    return { digest: '00112233445566ff', keys: this.keys.size };
  }

  status(): Readonly<Record<string, unknown>> {
    return { protocol: 'convergent' };
  }

  readiness(): Readiness {
    return this.ready;
  }

  metrics() {
    return { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'a 1\n' };
  }

  private views(): KeyViews {
    return [...this.keys];
  }

  private apply(key: string, change: KeyChange): void {
    if (change.kind === 'delete') this.keys.delete(key);
    else this.keys.set(key, viewAfter(change, this.keys.get(key)));
  }
}

function viewAfter(change: Exclude<KeyChange, { kind: 'delete' }>, before?: KeyView): KeyView {
  switch (change.kind) {
    case 'put':
    case 'append':
      return { type: 'value', value: text(change.value) };
    case 'assign':
      return { type: 'register', values: [text(change.value)] };
    case 'increment':
      return {
        type: 'counter',
        count: (before?.type === 'counter' ? before.count : 0) + change.by,
      };
    case 'add':
      return {
        type: 'set',
        elements: [
          ...(before?.type === 'set' ? before.elements : []),
          ...change.elements.map(text),
        ],
      };
    case 'remove':
      return { type: 'set', elements: [] };
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
