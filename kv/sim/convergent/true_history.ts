/**
 * The dumb oracle: it knows of every update what the replica that made it had really seen then, and
 * from that alone what a key is for somebody who has seen this much. It shares no judgement with the
 * core: here are no parts and no merging, only updates and what came before them.
 */

import type { UpdateRequest } from '../../core/convergent/requests';
import { Violation } from '../violation';
import { countUntil, TrueKey } from './true_key';
import { isIn, isWithin, type Seen, Update } from './true_update';

export class TrueHistory {
  private readonly updates = new Map<string, Update>();
  /** Of each replica in the order of time. */
  private readonly byReplica = new Map<number, Update[]>();
  private readonly byKey = new Map<string, TrueKey>();
  private internal = 0;

  begin(name: string, changes: UpdateRequest['changes']): Update {
    const update = new Update(name, new Map(changes.map(({ key, change }) => [key, change])));
    this.updates.set(name, update);
    return update;
  }

  get all(): Iterable<Update> {
    return this.updates.values();
  }
  get keys(): Iterable<string> {
    return this.byKey.keys();
  }
  named(name: string): Update | undefined {
    return this.updates.get(name);
  }

  /** A replica has made an update; `undefined` for one about its peers. */
  make(client: Update | undefined, replica: number, time: number, past: Seen): void {
    const update = client ?? this.begin(`internal ${++this.internal}`, []);
    if (update.isMade) fail('stamps', `${update.name} was made twice`);
    const own = this.madeBy(replica);
    const last = own.at(-1);
    if (last !== undefined && last.time >= time) fail('stamps', `${update.name} has an old stamp`);
    if (last !== undefined && !(isIn(last, past) && isWithin(last.past, past))) {
      fail('causality', `${update.name} was made without knowing all that ${last.name} knew`);
    }
    for (const [other, seenTime] of past) {
      if (seenTime < time) continue;
      fail('clock', `${update.name} has a stamp before one of ${other} that had been seen`);
    }
    update.replica = replica;
    update.time = time;
    update.past = past;
    own.push(update);
    for (const key of update.changes.keys()) {
      const whole = this.byKey.get(key) ?? new TrueKey(key);
      this.byKey.set(key, whole);
      whole.add(update);
    }
  }

  /** Updates were lost before anybody heard of them. */
  unmake(replica: number, after: number): Update[] {
    const own = this.madeBy(replica);
    const lost = own.splice(countUntil(own, after));
    for (const key of new Set(lost.flatMap(({ changes }) => [...changes.keys()]))) {
      this.byKey.get(key)?.dropAfter(replica, after);
    }
    return lost;
  }

  /** The updates that were made after one state was seen and are in the other. */
  between(before: Seen, after: Seen): Update[] {
    return [...after].flatMap(([replica, time]) => {
      const own = this.madeBy(replica);
      return own.slice(countUntil(own, before.get(replica) ?? 0), countUntil(own, time));
    });
  }

  /** Whoever has seen an effect has seen its causes. */
  checkCauses(node: string, seen: Seen, fresh: readonly Update[]): void {
    for (const update of fresh) {
      if (isWithin(update.past, seen)) continue;
      fail('causality', `${node} has seen ${update.name} and not what came before it`);
    }
  }

  /** What a key is for somebody who has seen this much; '' if it is absent. */
  view(key: string, seen: Seen): string {
    return this.byKey.get(key)?.view(seen) ?? '';
  }

  private madeBy(replica: number): Update[] {
    const own = this.byReplica.get(replica) ?? [];
    this.byReplica.set(replica, own);
    return own;
  }
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
