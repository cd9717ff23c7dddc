/**
 * What one key is for somebody who has seen so much, from the updates of it and what each had seen.
 *
 * An update does away with what it had seen, as its change says. Of all that a replica has done to a
 * key it is enough to look at the last that was seen: what a replica has seen only grows (`make` in
 * `true_history.ts` checks that), so whatever an earlier update of it had seen, the last had seen too.
 * That keeps a long history cheap; `tests/sim/dumb_history.ts` looks at every pair of updates instead, and
 * comes to the same.
 */

import type { Change } from '../../core/convergent/requests';
import { byStamp, isIn, type Seen, textOf, type Update } from './true_update';

type ShownType = 'value' | 'counter' | 'set' | 'register';

interface Shown {
  readonly update: Update;
  readonly type: ShownType;
  readonly text: string;
}

export class TrueKey {
  private readonly all = new Timelines();
  /** What decides on the value: puts, deletes, and what has ended a value. */
  private readonly values = new Timelines();
  private readonly counts = new Timelines();
  private readonly notCounts = new Timelines();
  private readonly assigns = new Timelines();
  private readonly adds = new Map<string, Timelines>();
  /** What adds or removes an element, which is then no longer the one that was added before. */
  private readonly touches = new Map<string, Timelines>();
  private readonly notOfSet = new Timelines();

  constructor(private readonly key: string) {}

  /** The replica that makes the update has seen this; from that follows what it comes to. */
  add(update: Update): void {
    const { key } = this;
    const change = update.changes.get(key) as Change;
    const elements = elementsIn(change);
    this.note(update, change, elements);
    if (update.idle.has(key)) return;
    this.all.add(update);
    if (isOfValue(change) || update.endsValue.has(key)) this.values.add(update);
    if (change.kind === 'increment') this.counts.add(update);
    else this.notCounts.add(update);
    if (change.kind === 'assign') this.assigns.add(update);
    if (elements === undefined) this.notOfSet.add(update);
    for (const text of elements ?? []) {
      timelinesOf(this.touches, text).add(update);
      if (change.kind === 'add') timelinesOf(this.adds, text).add(update);
    }
  }

  /** The updates of a replica from after a time were lost before anybody heard of them. */
  dropAfter(replica: number, time: number): void {
    const { all, values, counts, notCounts, assigns, notOfSet } = this;
    const elements = [...this.adds.values(), ...this.touches.values()];
    for (const one of [all, values, counts, notCounts, assigns, notOfSet, ...elements]) {
      one.dropAfter(replica, time);
    }
  }

  /** '' if the key is absent. */
  view(seen: Seen): string {
    const value = this.value(seen);
    const all = [
      ...(value === undefined ? [] : [value]),
      ...this.living(this.counts, [this.notCounts], seen).map(
        (update): Shown => ({ update, type: 'counter', text: `${update.amounts.get(this.key)}` }),
      ),
      ...this.elements(seen),
      ...this.living(this.assigns, [this.all], seen).map(
        (update): Shown => ({ update, type: 'register', text: valueIn(update, this.key) }),
      ),
    ];
    return shown(all.sort((one, other) => byStamp(one.update, other.update)));
  }

  /** Of puts and deletes the last one counts. */
  private value(seen: Seen): Shown | undefined {
    const last = this.values.lastIn(seen).sort(byStamp).at(-1);
    const text = last?.texts.get(this.key);
    return last === undefined || text === undefined
      ? undefined
      : { update: last, type: 'value', text };
  }

  private elements(seen: Seen): Shown[] {
    return [...this.adds].flatMap(([text, adds]) => {
      const enders = [timelinesOf(this.touches, text), this.notOfSet];
      return this.living(adds, enders, seen).map(
        (update): Shown => ({ update, type: 'set', text }),
      );
    });
  }

  /** The last of each replica, unless somebody who had seen it has done away with it. */
  private living(of: Timelines, enders: readonly Timelines[], seen: Seen): Update[] {
    const last = of.lastIn(seen);
    if (last.length === 0) return last;
    const ends = enders.flatMap((one) => one.lastIn(seen));
    return last.filter((update) => !ends.some(({ past }) => isIn(update, past)));
  }

  private note(update: Update, change: Change, elements: ReadonlySet<string> | undefined): void {
    const { key } = this;
    const { past } = update;
    const value = this.value(past);
    if (change.kind === 'put') update.texts.set(key, textOf(change.value));
    else if (change.kind === 'append') {
      const list = value === undefined ? [] : (JSON.parse(value.text) as unknown[]);
      update.texts.set(key, JSON.stringify([...list, JSON.parse(textOf(change.value))]));
    } else if (change.kind === 'increment') {
      const counts = this.living(this.counts, [this.notCounts], past);
      const own = counts.find(({ replica }) => replica === update.replica);
      update.amounts.set(key, change.by + (own?.amounts.get(key) ?? 0));
    } else if (change.kind === 'remove') {
      const there = this.elements(past).some(({ text }) => elements?.has(text));
      if (!there) update.idle.add(key);
    }
    if (!isOfValue(change) && value !== undefined && !update.idle.has(key)) {
      update.endsValue.add(key);
    }
  }
}

/** Updates of one kind, those of each replica in the order of time. */
class Timelines {
  private readonly byReplica = new Map<number, Update[]>();

  add(update: Update): void {
    const own = this.byReplica.get(update.replica);
    if (own === undefined) this.byReplica.set(update.replica, [update]);
    else own.push(update);
  }

  dropAfter(replica: number, time: number): void {
    const own = this.byReplica.get(replica) ?? [];
    own.splice(countUntil(own, time));
  }

  /** The last one of each replica that was seen. */
  lastIn(seen: Seen): Update[] {
    return [...this.byReplica].flatMap(([replica, own]) => {
      return own[countUntil(own, seen.get(replica) ?? 0) - 1] ?? [];
    });
  }
}

/** How many are not later; they are in the order of time. */
export function countUntil(updates: readonly Update[], time: number): number {
  let [low, high] = [0, updates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((updates[middle] as Update).time <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function timelinesOf(map: Map<string, Timelines>, text: string): Timelines {
  const there = map.get(text);
  if (there !== undefined) return there;
  const timelines = new Timelines();
  map.set(text, timelines);
  return timelines;
}

const isOfValue = ({ kind }: Change): boolean => ['put', 'append', 'delete'].includes(kind);

/** Of a change of a set. */
const elementsIn = (change: Change): ReadonlySet<string> | undefined =>
  'elements' in change ? new Set(change.elements.map(textOf)) : undefined;

function valueIn({ changes }: Update, key: string): string {
  const change = changes.get(key);
  return change !== undefined && 'value' in change ? textOf(change.value) : '';
}

/** What clients see of what is left, in the order of its stamps: that of the type written last. */
export function shown(all: readonly Shown[]): string {
  const type = all.at(-1)?.type;
  if (type === undefined) return '';
  const texts = all.filter((one) => one.type === type).map(({ text }) => text);
  return viewText(type, texts);
}

/** A view in one form, so that it can be compared. */
export function viewText(type: ShownType, texts: readonly string[]): string {
  if (type === 'counter') return `counter ${texts.reduce((sum, text) => sum + Number(text), 0)}`;
  if (type === 'set') return `set ${[...new Set(texts)].sort().join(' ')}`;
  return `${type} ${texts.join(' ')}`;
}
