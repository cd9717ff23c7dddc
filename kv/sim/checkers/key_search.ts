/**
 * The search for an order of one key's operations that explains every answer: depth first, with an
 * explicit stack, one operation a step. `linearizability.ts` tells the algorithm and its sources.
 *
 * A position of the search is what is in order so far: which answered operations, how many of each
 * kind of unanswered write, and the state they lead to. Unanswered writes of one kind do the same
 * thing from wherever they stand, and none of them is ever due; so it is enough to use them in the
 * order in which they were sent.
 */

import type { KeyOperation } from './key_history';
import type { ValueText } from './key_model';
import { type KeyState, KeyStates } from './key_states';

export type Outcome =
  | { readonly kind: 'found' }
  | { readonly kind: 'none' | 'gave_up'; readonly furthest: DeadEnd };

/**
 * The longest order found that explains its answers, and the operations one of which had to come
 * next. If the search did not look ahead, none of them can.
 */
export interface DeadEnd {
  readonly order: readonly KeyOperation[];
  readonly stuck: readonly KeyOperation[];
}

interface Answered {
  readonly kind: 'answered';
  /** The state after it, if that is the same from all states: of puts and deletes. */
  readonly end: KeyState | undefined;
  readonly operation: KeyOperation;
  readonly invoked: number;
  readonly completed: number;
  /** Its place among the answered operations, and if it is a get, among those. */
  index: number;
  getIndex: number;
  done: boolean;
}

/** Unanswered writes that do the same thing, in the order in which they were sent. */
interface Unanswered {
  readonly kind: 'unanswered';
  readonly end: KeyState | undefined;
  readonly operations: readonly KeyOperation[];
  used: number;
}

interface Get {
  readonly by: Answered;
  readonly value: ValueText;
}

interface Move {
  readonly operation: KeyOperation;
  readonly by: Answered | Unanswered;
  readonly to: KeyState;
}

interface Position {
  readonly state: KeyState;
  /** Where the search came from, and by which move; neither at the beginning. */
  readonly before: Position | undefined;
  readonly move: Move | undefined;
  /** The moves from here, the next to be tried last. */
  readonly untried: Move[];
}

export class KeySearch {
  private readonly states: KeyStates;
  /** In the order in which they were sent; all before `first` are done. */
  private readonly answered: readonly Answered[];
  private readonly unanswered: readonly Unanswered[];
  /** What gets returned, the one that was answered first first; all before `firstGet` are done. */
  private readonly gets: readonly Get[];
  private first = 0;
  private firstGet = 0;
  private done = 0;
  private here: Position | undefined;
  private readonly visited = new Map<string, number[][]>();
  private explored = 0;
  private furthest: { readonly at: Position; readonly stuck: readonly Answered[] } | undefined;
  private furthestDone = -1;

  constructor(
    operations: readonly KeyOperation[],
    /** Whether to turn back where the next get that is due can no longer have its answer. */
    private readonly looksAhead: boolean,
  ) {
    const sorted = [...operations].sort((a, b) => a.invoked - b.invoked);
    this.states = new KeyStates(sorted);
    this.answered = sorted.flatMap((one) => this.answeredOf(one));
    for (const [index, one] of this.answered.entries()) one.index = index;
    this.gets = this.answered.flatMap(getOf).sort((a, b) => a.by.completed - b.by.completed);
    for (const [index, { by }] of this.gets.entries()) by.getIndex = index;
    this.unanswered = this.kindsOf(sorted.filter(({ completed }) => completed === undefined));
  }

  run(maxStates: number): Outcome {
    this.enter(this.states.absent, undefined);
    while (this.done < this.answered.length) {
      if (this.here === undefined) return { kind: 'none', furthest: this.deadEnd() };
      if (this.explored > maxStates) return { kind: 'gave_up', furthest: this.deadEnd() };
      const move = this.here.untried.pop();
      if (move === undefined) this.leave(this.here);
      else this.enter(move.to, move);
    }
    return { kind: 'found' };
  }

  private kindsOf(operations: readonly KeyOperation[]): Unanswered[] {
    const kinds = new Map<string, KeyOperation[]>();
    for (const operation of operations) {
      // A get that nobody heard the answer of says nothing.
      if (operation.action.kind === 'get') continue;
      const effect = this.states.effectOf(operation.action);
      const same = kinds.get(effect);
      if (same === undefined) kinds.set(effect, [operation]);
      else same.push(operation);
    }
    return [...kinds.values()].map((same) => {
      const end = same[0] && this.states.endOf(same[0].action);
      return { kind: 'unanswered', operations: same, end, used: 0 };
    });
  }

  private answeredOf(operation: KeyOperation): Answered[] {
    const { action, invoked, completed } = operation;
    if (completed === undefined) return [];
    const end = this.states.endOf(action);
    return [
      {
        kind: 'answered',
        operation,
        end,
        invoked,
        completed,
        index: 0,
        getIndex: Number.POSITIVE_INFINITY,
        done: false,
      },
    ];
  }

  private enter(state: KeyState, move: Move | undefined): void {
    if (move !== undefined) this.mark(move.by, true);
    this.explored++;
    const untried = this.looksAhead && this.isDoomed(state) ? [] : this.movesFrom(state);
    if (untried.length > 1 && this.wasHere(state)) untried.length = 0;
    this.here = { state, before: this.here, move, untried };
  }

  private leave(position: Position): void {
    if (this.done > this.furthestDone) {
      // Nothing got further, so no answered operation could come next.
      this.furthestDone = this.done;
      this.furthest = { at: position, stuck: this.candidates().candidates };
    }
    if (position.move !== undefined) this.mark(position.move.by, false);
    this.here = position.before;
  }

  private mark(by: Answered | Unanswered, done: boolean): void {
    if (by.kind === 'unanswered') {
      by.used += done ? 1 : -1;
      return;
    }
    by.done = done;
    this.done += done ? 1 : -1;
    if (!done) this.first = Math.min(this.first, by.index);
    while (this.answered[this.first]?.done) this.first++;
    if (!done) this.firstGet = Math.min(this.firstGet, by.getIndex);
    while (this.gets[this.firstGet]?.by.done) this.firstGet++;
  }

  /**
   * Whether the next get that is due cannot have its answer any more: appends do not lead from here
   * to that value, and there is no put or delete left that may come before and begin anew.
   */
  private isDoomed(state: KeyState): boolean {
    const get = this.gets[this.firstGet];
    if (get === undefined || this.states.canBecome(state, get.value)) return false;
    const { completed } = get.by;
    const helps = (end: KeyState | undefined): boolean =>
      end !== undefined && this.states.canBecome(end, get.value);
    for (let i = this.first; i < this.answered.length; i++) {
      const one = this.answered[i] as Answered;
      if (one.invoked > completed) break;
      if (!one.done && helps(one.end)) return false;
    }
    return !this.unanswered.some(({ operations, used, end }) => {
      const invoked = operations[used]?.invoked;
      return invoked !== undefined && invoked < completed && helps(end);
    });
  }

  /** The moves from here, the most promising last. */
  private movesFrom(state: KeyState): Move[] {
    const { candidates, deadline } = this.candidates();
    const seen: Move[] = [];
    const unseen: Move[] = [];
    for (const by of candidates) {
      const { operation } = by;
      const to = this.states.after(state, operation.action, operation.result);
      if (to === undefined) continue;
      const move = { operation, by, to };
      // What changes nothing, wherever it stands, may as well come at once.
      if (changesNothing(operation)) return [move];
      (to.seen ? seen : unseen).push(move);
    }
    const { growing, others } = this.unansweredFrom(state, deadline);
    return [...others, ...unseen.sort(byUrgency), ...growing, ...seen.sort(byUrgency)];
  }

  /** The answered operations that none of the others must precede, and the first moment one is due. */
  private candidates(): { candidates: Answered[]; deadline: number } {
    const candidates: Answered[] = [];
    let deadline = Number.POSITIVE_INFINITY;
    for (let i = this.first; i < this.answered.length; i++) {
      const one = this.answered[i] as Answered;
      if (one.invoked > deadline) break;
      if (one.done) continue;
      candidates.push(one);
      deadline = Math.min(deadline, one.completed);
    }
    return { candidates, deadline };
  }

  private unansweredFrom(state: KeyState, deadline: number): { growing: Move[]; others: Move[] } {
    const growing: Move[] = [];
    const others: Move[] = [];
    for (const by of this.unanswered) {
      const operation = by.operations[by.used];
      if (operation === undefined || operation.invoked > deadline) continue;
      const to = this.states.after(state, operation.action, undefined);
      if (to === undefined || to === state) continue;
      const grows = to.seen && operation.action.kind === 'append';
      (grows ? growing : others).push({ operation, by, to });
    }
    return { growing, others };
  }

  /**
   * Whether the search was here before, or at a position that differs only in that fewer unanswered
   * writes were used: if there was no way on from there, there is none from here. Otherwise notes
   * that it is here now.
   */
  private wasHere(state: KeyState): boolean {
    const place = this.placeOf(state);
    const used = this.unanswered.map((kind) => kind.used);
    const before = this.visited.get(place);
    if (before === undefined) {
      this.visited.set(place, [used]);
      return false;
    }
    if (before.some((fewer) => fewer.every((n, kind) => n <= (used[kind] as number)))) return true;
    before.push(used);
    return false;
  }

  /** The state and the set of answered operations that are done, as a text. */
  private placeOf(state: KeyState): string {
    let place = `${state.id} ${this.first}`;
    const until = this.answered[this.first]?.completed ?? 0;
    for (let i = this.first + 1; i < this.answered.length; i++) {
      const one = this.answered[i] as Answered;
      if (one.invoked > until) break;
      if (one.done) place += ` ${i}`;
    }
    return place;
  }

  private deadEnd(): DeadEnd {
    const order: KeyOperation[] = [];
    for (let at = this.furthest?.at; at?.move !== undefined; at = at.before) {
      order.push(at.move.operation);
    }
    const stuck = this.furthest?.stuck ?? [];
    return { order: order.reverse(), stuck: stuck.map(({ operation }) => operation) };
  }
}

function getOf(by: Answered): Get[] {
  const { action, result } = by.operation;
  const isGet = action.kind === 'get' && typeof result === 'object';
  return isGet ? [{ by, value: result.value }] : [];
}

function changesNothing({ action, result }: KeyOperation): boolean {
  return action.kind === 'get' || result === 'not_found' || result === 'not_a_list';
}

/** What must come first, because its answer came first, is tried first: from the end. */
function byUrgency(a: Move, b: Move): number {
  return (b.operation.completed ?? 0) - (a.operation.completed ?? 0);
}
