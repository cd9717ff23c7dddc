/**
 * What a key is, by looking at every pair of its updates: the rule itself, without a thought for its
 * cost. `kv/sim/convergent/true_key.ts` is compared with it.
 */

import type { Change } from '../../kv/core/convergent/requests';
import { shown } from '../../kv/sim/convergent/true_key';
import { byStamp, isIn, type Seen, textOf, Update } from '../../kv/sim/convergent/true_update';

type All = Parameters<typeof shown>[0];

export class DumbHistory {
  private updates: Update[] = [];

  make(changes: ReadonlyMap<string, Change>, replica: number, time: number, past: Seen): void {
    const update = new Update(`${replica} ${time}`, changes);
    Object.assign(update, { replica, time, past });
    for (const [key, change] of changes) this.note(update, key, change);
    this.updates.push(update);
    this.updates.sort(byStamp);
  }

  unmake(replica: number, after: number): void {
    this.updates = this.updates.filter((one) => one.replica !== replica || one.time <= after);
  }

  view(key: string, seen: Seen): string {
    const updates = this.seenOf(key, seen);
    const all = [
      ...lastValueOf(key, updates),
      ...countsOf(key, updates),
      ...elementsOf(key, updates),
      ...siblingsOf(key, updates),
    ];
    return shown(all.sort((one, other) => byStamp(one.update, other.update)));
  }

  /** What an update comes to, which follows from what had been seen. */
  private note(update: Update, key: string, change: Change): void {
    const before = this.seenOf(key, update.past);
    const [value] = lastValueOf(key, before);
    if (change.kind === 'put') update.texts.set(key, textOf(change.value));
    else if (change.kind === 'append') {
      const list = value === undefined ? [] : (JSON.parse(value.text) as unknown[]);
      update.texts.set(key, JSON.stringify([...list, JSON.parse(textOf(change.value))]));
    } else if (change.kind === 'increment') {
      const counts = countsOf(key, before);
      const own = counts.find(({ update: { replica } }) => replica === update.replica);
      update.amounts.set(key, change.by + Number(own?.text ?? 0));
    } else if (change.kind === 'remove') {
      const there = new Set(elementsOf(key, before).map(({ text }) => text));
      if (!change.elements.some((element) => there.has(textOf(element)))) update.idle.add(key);
    }
    const isTyped = !['put', 'append', 'delete'].includes(change.kind);
    if (isTyped && value !== undefined && !update.idle.has(key)) update.endsValue.add(key);
  }

  private seenOf(key: string, seen: Seen): Update[] {
    return this.updates.filter(
      (update) => update.changes.has(key) && isIn(update, seen) && !update.idle.has(key),
    );
  }
}

const changeOf = (update: Update, key: string): Change => update.changes.get(key) as Change;

/** Of puts and deletes the last one counts. */
function lastValueOf(key: string, updates: readonly Update[]): All {
  const last = updates.findLast((update) => {
    const { kind } = changeOf(update, key);
    return ['put', 'append', 'delete'].includes(kind) || update.endsValue.has(key);
  });
  const text = last?.texts.get(key);
  return last === undefined || text === undefined ? [] : [{ update: last, type: 'value', text }];
}

/** The last count of each replica, unless somebody who had seen it has ended it. */
function countsOf(key: string, updates: readonly Update[]): All {
  const last = new Map<number, Update>();
  for (const update of updates) if (update.amounts.has(key)) last.set(update.replica, update);
  return [...last.values()]
    .filter((update) => !isEnded(update, updates, (by) => changeOf(by, key).kind !== 'increment'))
    .map((update) => ({ update, type: 'counter', text: String(update.amounts.get(key)) }));
}

/** Every element of every add, unless somebody who had seen it has removed it or added it again. */
function elementsOf(key: string, updates: readonly Update[]): All {
  return updates.flatMap((update) => {
    const change = changeOf(update, key);
    if (change.kind !== 'add') return [];
    const texts = [...new Set(change.elements.map(textOf))];
    return texts
      .filter((text) => !isEnded(update, updates, (by) => endsElement(changeOf(by, key), text)))
      .map((text) => ({ update, type: 'set' as const, text }));
  });
}

function endsElement(change: Change, text: string): boolean {
  if (change.kind !== 'add' && change.kind !== 'remove') return true;
  return change.elements.some((element) => textOf(element) === text);
}

function siblingsOf(key: string, updates: readonly Update[]): All {
  return updates.flatMap((update) => {
    const change = changeOf(update, key);
    if (change.kind !== 'assign' || isEnded(update, updates, () => true)) return [];
    return [{ update, type: 'register' as const, text: textOf(change.value) }];
  });
}

/** Whether an update that had seen this one does away with it. */
const isEnded = (
  update: Update,
  updates: readonly Update[],
  doesAway: (by: Update) => boolean,
): boolean => updates.some((by) => by !== update && isIn(update, by.past) && doesAway(by));
