/** The words of a script's command, read one after the other; what is wrong is said plainly. */

import type { MessageKind } from '../../kv/core/raft/messages';
import { type InFlight, type MessageFilter, matches } from './raft_network';

export class Words {
  private readonly words: string[];
  private readonly options = new Map<string, string>();

  constructor(readonly text: string) {
    const all = text.split(/\s+/).filter((word) => word !== '');
    // `name=value` may stand anywhere behind the verb.
    for (const word of all) {
      const option = /^([A-Za-z_]+)=(.+)$/.exec(word);
      if (option !== null) this.options.set(option[1] as string, option[2] as string);
    }
    this.words = all.filter((word) => !/^[A-Za-z_]+=.+$/.test(word));
  }

  get left(): number {
    return this.words.length;
  }

  next(what: string): string {
    const word = this.words.shift();
    if (word === undefined) throw new Error(`${what} is missing`);
    return word;
  }

  number(what: string): number {
    return toNumber(this.next(what), what);
  }

  optional(): string | undefined {
    return this.words.shift();
  }

  /** Takes the next word if it names a node. */
  node(): string | undefined {
    return /^n\d+$/.test(this.words[0] ?? '') ? this.words.shift() : undefined;
  }

  /** Takes the next word if it is this one. */
  takes(word: string): boolean {
    if (this.words[0] !== word) return false;
    this.words.shift();
    return true;
  }

  rest(): string[] {
    return this.words.splice(0);
  }

  option(name: string): string | undefined {
    const value = this.options.get(name);
    this.options.delete(name);
    return value;
  }

  numberOption(name: string): number | undefined {
    const value = this.option(name);
    return value === undefined ? undefined : toNumber(value, name);
  }

  remainingOptions(): [string, string][] {
    const all = [...this.options];
    this.options.clear();
    return all;
  }

  /** Nothing may be left over: a misspelt word must not pass in silence. */
  end(): void {
    const over = [...this.words, ...this.options.keys()];
    if (over.length > 0) throw new Error(`not understood: ${over.join(' ')}`);
  }
}

function toNumber(word: string, what: string): number {
  const value = Number(word);
  if (!Number.isFinite(value)) throw new Error(`${what} must be a number, not ${word}`);
  return value;
}

/**
 * Which messages are meant: `n1 → n2 AppendEntries`, each part of it optional, with `first` or
 * `last` before it if only the oldest or newest one is.
 */
export function parseFilter(
  words: Words,
  inflight: readonly InFlight[],
): (each: InFlight) => boolean {
  const first = words.takes('first');
  const last = !first && words.takes('last');
  const from = words.node();
  const to = words.takes('→') ? words.node() : undefined;
  const name = words.optional();
  const filter: MessageFilter = {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(name !== undefined && { kind: kindOf(name) }),
  };
  const meant = inflight.filter((each) => matches(each, filter));
  const chosen = first ? meant.slice(0, 1) : last ? meant.slice(-1) : meant;
  return (each) => chosen.includes(each);
}

const KINDS: Readonly<Record<MessageKind, true>> = {
  pre_vote: true,
  pre_vote_reply: true,
  request_vote: true,
  request_vote_reply: true,
  append_entries: true,
  append_entries_reply: true,
  append_entries_reject: true,
  heartbeat: true,
  heartbeat_reply: true,
  install_snapshot: true,
  install_snapshot_reply: true,
  forward: true,
  forward_reply: true,
  forward_reject: true,
  read_index: true,
  read_index_reply: true,
  timeout_now: true,
};

/** `AppendEntriesReply` in the trace is `append_entries_reply` in the core. */
function kindOf(word: string): MessageKind {
  const kind = word.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  if (!Object.hasOwn(KINDS, kind)) throw new Error(`there is no message ${word}`);
  return kind as MessageKind;
}
