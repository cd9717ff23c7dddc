/**
 * The dumb oracle: it knows of every update what the replica that made it had really seen then, and
 * from that alone what a key is for somebody who has seen this much. It shares no judgement with the
 * core: here are no parts and no merging, only updates, followed back one by one.
 */

import type { Change, UpdateRequest } from '../../core/convergent/requests';
import { Violation } from '../violation';

/** The time of the last update seen, by replica. */
export type Seen = ReadonlyMap<number, number>;

/** One update of one client, or of a replica itself. */
export class Update {
  outcome: 'unknown' | 'written' | 'not_applied' = 'unknown';
  /** Who has made it and when; 0 until it is made. */
  replica = 0;
  time = 0;
  /** What its replica had seen before. */
  past: Seen = new Map();
  /** The keys of values that it has ended although it is of another type. */
  readonly endsValue = new Set<string>();
  /** What it has put, and up to what it has counted, by key. */
  readonly texts = new Map<string, string>();
  readonly amounts = new Map<string, number>();
  /** Keys that it would have removed something from that was not there. */
  readonly idle = new Set<string>();

  constructor(
    /** Its unique text, which it writes to a key of its client. */
    readonly name: string,
    readonly changes: ReadonlyMap<string, Change>,
  ) {}

  get isMade(): boolean {
    return this.time > 0;
  }
}

export const isIn = ({ replica, time }: Update, seen: Seen): boolean =>
  time <= (seen.get(replica) ?? 0);

export function isWithin(inner: Seen, outer: Seen): boolean {
  for (const [replica, time] of inner) if (time > (outer.get(replica) ?? 0)) return false;
  return true;
}

interface Shown {
  readonly update: Update;
  readonly type: 'value' | 'counter' | 'set' | 'register';
  readonly text: string;
}

const byStamp = (one: Update, other: Update): number =>
  one.time - other.time || one.replica - other.replica;

export class TrueHistory {
  private readonly updates = new Map<string, Update>();
  private readonly byReplica = new Map<number, Update[]>();
  private readonly byKey = new Map<string, Update[]>();
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
    const own = this.byReplica.get(replica) ?? [];
    const last = own.at(-1);
    if (last !== undefined && last.time >= time) fail('stamps', `${update.name} has an old stamp`);
    for (const [other, seenTime] of past) {
      if (seenTime < time) continue;
      fail('clock', `${update.name} has a stamp before one of ${other} that had been seen`);
    }
    update.replica = replica;
    update.time = time;
    update.past = past;
    for (const [key, change] of update.changes) this.note(update, key, change);
    this.byReplica.set(replica, [...own, update]);
    for (const key of update.changes.keys()) {
      const updates = this.byKey.get(key) ?? [];
      this.byKey.set(key, updates);
      updates.push(update);
      updates.sort(byStamp);
    }
  }

  /** What an update comes to, which follows from what had been seen. */
  private note(update: Update, key: string, change: Change): void {
    const before = this.seenOf(key, update.past);
    const value = lastValueOf(key, before);
    if (change.kind === 'put') update.texts.set(key, textOf(change.value));
    else if (change.kind === 'append') {
      const list = value === undefined ? [] : (JSON.parse(value.text) as unknown[]);
      update.texts.set(key, JSON.stringify([...list, JSON.parse(textOf(change.value))]));
    } else if (change.kind === 'increment') {
      const own = countsOf(key, before).find(
        ({ update: { replica } }) => replica === update.replica,
      );
      update.amounts.set(key, change.by + Number(own?.text ?? 0));
    } else if (change.kind === 'remove') {
      const there = new Set(elementsOf(key, before).map(({ text }) => text));
      if (!change.elements.some((element) => there.has(textOf(element)))) update.idle.add(key);
    }
    const isTyped = !['put', 'append', 'delete'].includes(change.kind);
    if (isTyped && value !== undefined && !update.idle.has(key)) update.endsValue.add(key);
  }

  /** An update was lost before anybody heard of it. */
  unmake(replica: number, after: number): Update[] {
    const own = this.byReplica.get(replica) ?? [];
    const lost = own.filter(({ time }) => time > after);
    this.byReplica.set(
      replica,
      own.filter((update) => !lost.includes(update)),
    );
    for (const update of lost) {
      for (const key of update.changes.keys()) {
        const updates = this.byKey.get(key) ?? [];
        this.byKey.set(
          key,
          updates.filter((one) => one !== update),
        );
      }
    }
    return lost;
  }

  /** The updates that were made after one state was seen and are in the other. */
  between(before: Seen, after: Seen): Update[] {
    return [...after].flatMap(([replica, time]) => {
      const from = before.get(replica) ?? 0;
      const own = this.byReplica.get(replica) ?? [];
      const found: Update[] = [];
      for (let i = own.length - 1; i >= 0; i--) {
        const update = own[i] as Update;
        if (update.time <= from) break;
        if (update.time <= time) found.push(update);
      }
      return found;
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
    const updates = this.seenOf(key, seen);
    const value = lastValueOf(key, updates);
    const all = [
      ...(value === undefined ? [] : [value]),
      ...countsOf(key, updates),
      ...elementsOf(key, updates),
      ...siblingsOf(key, updates),
    ];
    return shown(all.sort((one, other) => byStamp(one.update, other.update)));
  }

  private seenOf(key: string, seen: Seen): Update[] {
    const updates = this.byKey.get(key) ?? [];
    return updates.filter((update) => isIn(update, seen) && !update.idle.has(key));
  }
}

const changeOf = (update: Update, key: string): Change => update.changes.get(key) as Change;

/** Of puts and deletes the last one counts. */
function lastValueOf(key: string, updates: readonly Update[]): Shown | undefined {
  const last = updates.findLast((update) => {
    const { kind } = changeOf(update, key);
    return ['put', 'append', 'delete'].includes(kind) || update.endsValue.has(key);
  });
  const text = last?.texts.get(key);
  return last === undefined || text === undefined
    ? undefined
    : { update: last, type: 'value', text };
}

/** The last count of each replica, unless somebody who had seen it has ended it. */
function countsOf(key: string, updates: readonly Update[]): Shown[] {
  const last = new Map<number, Update>();
  for (const update of updates) if (update.amounts.has(key)) last.set(update.replica, update);
  return [...last.values()]
    .filter((update) => !isEnded(update, updates, (by) => changeOf(by, key).kind !== 'increment'))
    .map((update) => ({ update, type: 'counter', text: String(update.amounts.get(key)) }));
}

/** Every element of every add, unless somebody who had seen it has removed it or added it again. */
function elementsOf(key: string, updates: readonly Update[]): Shown[] {
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

function siblingsOf(key: string, updates: readonly Update[]): Shown[] {
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

/** What clients see of what is left, in the order of its stamps: that of the type written last. */
function shown(all: readonly Shown[]): string {
  const type = all.at(-1)?.type;
  if (type === undefined) return '';
  const texts = all.filter((one) => one.type === type).map(({ text }) => text);
  return viewText(type, texts);
}

/** A view in one form, so that it can be compared. */
export function viewText(type: Shown['type'], texts: readonly string[]): string {
  if (type === 'counter') return `counter ${texts.reduce((sum, text) => sum + Number(text), 0)}`;
  if (type === 'set') return `set ${[...new Set(texts)].sort().join(' ')}`;
  return `${type} ${texts.join(' ')}`;
}

export const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
