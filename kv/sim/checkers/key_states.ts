/**
 * The values of one key as the search tells them apart: by what the history can still notice.
 *
 * A list that no get of the history returned, and that no such list begins with, will never be
 * looked at: whatever is appended to it, all that answers can tell is that it is a list. So all
 * those lists are one state, and so are all unseen values that are no list. That is what keeps the
 * search small: of all orders of concurrent appends only those lead to different states that some
 * get has seen.
 */

import type { KeyAction, KeyOperation, KeyResult } from './key_history';
import { appended, kindOf, listStart, type ValueKind, type ValueText } from './key_model';

export interface KeyState {
  /** Small, and different for different states of this key. */
  readonly id: number;
  readonly kind: ValueKind;
  /** Whether a get may return it; if not, it stands for many values. */
  readonly seen: boolean;
  readonly text: ValueText;
  /** What every longer list that grows from here begins with. */
  readonly start: string;
  /** The states that appends lead to, by the value appended. */
  readonly longer: Map<string, KeyState>;
}

export class KeyStates {
  readonly absent: KeyState;
  private readonly byText = new Map<string, KeyState>();
  private readonly unseen: { readonly list: KeyState; readonly other: KeyState };
  /** All lists that gets returned, without those that another one begins with. */
  private readonly longestLists: readonly string[];
  private readonly seenOthers: ReadonlySet<string>;
  private count = 0;

  constructor(operations: readonly KeyOperation[]) {
    const returned = new Set(operations.flatMap(valueReturned));
    this.longestLists = withoutPrefixes([...returned].filter((text) => kindOf(text) === 'list'));
    this.seenOthers = new Set([...returned].filter((text) => kindOf(text) === 'other'));
    this.absent = this.create('absent', true, undefined);
    this.unseen = {
      list: this.create('list', false, undefined),
      other: this.create('other', false, undefined),
    };
  }

  /**
   * The state after the action was answered so, or undefined if nobody could get that answer from
   * this state. Without an answer every outcome is possible.
   */
  after(state: KeyState, action: KeyAction, result: KeyResult | undefined): KeyState | undefined {
    switch (action.kind) {
      case 'get':
        if (result === undefined) return state;
        if (typeof result === 'string' || !state.seen) return undefined;
        return state.text === result.value ? state : undefined;
      case 'put':
        return result === undefined || result === 'ok' ? this.of(action.value) : undefined;
      case 'delete': {
        const answer = state.kind === 'absent' ? 'not_found' : 'ok';
        return result === undefined || result === answer ? this.absent : undefined;
      }
      case 'append': {
        const answer = state.kind === 'other' ? 'not_a_list' : 'ok';
        if (result !== undefined && result !== answer) return undefined;
        return answer === 'ok' ? this.grown(state, action.value) : state;
      }
    }
  }

  /** Whether appends alone, or nothing at all, may lead from here to that value. */
  canBecome(state: KeyState, value: ValueText): boolean {
    if (!state.seen) return false;
    if (state.text === value) return true;
    return state.kind !== 'other' && value !== undefined && value.startsWith(state.start);
  }

  /** Where a put or a delete leads to, from any state. */
  endOf(action: KeyAction): KeyState | undefined {
    if (action.kind === 'put') return this.of(action.value);
    return action.kind === 'delete' ? this.absent : undefined;
  }

  /** Names what an unanswered write does; writes of one name do the same from every state. */
  effectOf(action: KeyAction): string {
    if (action.kind === 'put') return `put ${this.of(action.value).id}`;
    if (action.kind !== 'append') return action.kind;
    const element = action.value;
    const visible = this.longestLists.some((list) => list.includes(element));
    return visible ? `append ${element}` : 'append unseen';
  }

  private grown(list: KeyState, element: string): KeyState {
    const known = list.longer.get(element);
    if (known !== undefined) return known;
    const longer = this.isNext(list, element)
      ? this.of(appended(list.text, element))
      : this.unseen.list;
    list.longer.set(element, longer);
    return longer;
  }

  /** Whether a list that some get returned goes on with this element. */
  private isNext(list: KeyState, element: string): boolean {
    if (!list.seen) return false;
    const from = list.start.length;
    const end = from + element.length;
    return this.longestLists.some(
      (seen) =>
        seen.startsWith(element, from) &&
        (seen[end] === ',' || seen[end] === ']') &&
        seen.startsWith(list.start),
    );
  }

  private of(text: string): KeyState {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    const kind = kindOf(text);
    const state = this.isSeen(text)
      ? this.create(kind, true, text)
      : this.unseen[kind === 'list' ? 'list' : 'other'];
    this.byText.set(text, state);
    return state;
  }

  private isSeen(text: string): boolean {
    if (kindOf(text) !== 'list') return this.seenOthers.has(text);
    const start = listStart(text);
    return this.longestLists.some((list) => list === text || list.startsWith(start));
  }

  private create(kind: ValueKind, seen: boolean, text: ValueText): KeyState {
    const start = kind === 'list' && text !== undefined ? listStart(text) : '[';
    return { id: this.count++, kind, seen, text, start, longer: new Map() };
  }
}

function valueReturned({ result }: KeyOperation): string[] {
  return typeof result === 'object' && result.value !== undefined ? [result.value] : [];
}

/** In sorted order, the texts that begin with one text come right behind it. */
function withoutPrefixes(lists: readonly string[]): string[] {
  const starts = lists.map((text) => ({ text, start: listStart(text) }));
  starts.sort((a, b) => (a.start < b.start ? -1 : 1));
  return starts
    .filter(({ start }, i) => !starts[i + 1]?.start.startsWith(start))
    .map(({ text }) => text);
}
