/**
 * The rules of membership, seen from outside: a node uses the newest configuration of its log, with
 * the members that were committed or written there (§6), and no majority of a configuration can
 * decide without anybody of a majority of the one before (dissertation §4.3).
 */

import { logIndex } from '../../core/ids';
import { type Entry, entryData } from '../../core/raft/entry';
import {
  bootstrapConfiguration,
  type Configuration,
  decodeConfiguration,
  type Member,
} from '../../core/raft/membership';
import type { RaftState } from '../../core/raft/state';
import { Violation } from '../violation';
import type { DiskShadow } from './disk_shadow';

type Node = Readonly<RaftState>;

/** What was looked at last in one process. */
export interface ConfigurationSeen {
  configuration: Configuration | undefined;
  newest: number;
}

/** `committed` are the entries that are configurations and were committed, in their order. */
export function checkConfiguration(
  raft: Node,
  disk: DiskShadow,
  seen: ConfigurationSeen,
  committed: readonly { readonly entry: Entry }[],
): void {
  const { self, log } = raft;
  const newest = disk.configurationIndex;
  const isNewest =
    newest <= log.baseIndex
      ? log.configurationIndex <= log.baseIndex
      : newest === log.configurationIndex;
  if (!isNewest) {
    const what = `${self} uses that of ${log.configurationIndex}, its log has one at ${newest}`;
    throw new Violation('newest configuration', what);
  }
  if (seen.configuration === log.configuration && seen.newest === newest) return;
  seen.configuration = log.configuration;
  seen.newest = newest;
  const expected = expectedOf(raft, newest, committed);
  if (textOf(log.configuration) === textOf(expected)) return;
  throw new Violation(
    'newest configuration',
    `${self} uses ${textOf(log.configuration)}, and its log and snapshot say ${textOf(expected)}`,
  );
}

function expectedOf(
  { log, options }: Node,
  newest: number,
  committed: readonly { readonly entry: Entry }[],
): Configuration {
  if (newest > log.baseIndex) return decodeConfiguration(entryData(log.entryAt(newest)));
  const known = committed.findLast(({ entry }) => entry.index <= log.baseIndex);
  if (known === undefined) return bootstrapConfiguration(options.members);
  return decodeConfiguration(entryData(known.entry));
}

/** A leader appends a configuration: it must share its majorities with the one before. */
export function checkOverlap({ self, log }: Node, entry: Entry): void {
  const before = log.configurationAt(logIndex(entry.index - 1));
  const after = decodeConfiguration(entryData(entry));
  const [one, other] = [partsOf(before), partsOf(after)];
  // A majority of a joint configuration is one of each part: it is enough that one part shares.
  if (one.some((some) => other.some((others) => majoritiesMeet(some, others)))) return;
  throw new Violation(
    'shared majorities',
    `${self} goes from ${textOf(before)} to ${textOf(after)}, which can decide apart`,
  );
}

const partsOf = ({ voters, outgoing }: Configuration): (readonly Member[])[] =>
  outgoing.length === 0 ? [voters] : [voters, outgoing];

/** Whether any majority of one set of disks has a disk of any majority of the other. */
function majoritiesMeet(one: readonly Member[], other: readonly Member[]): boolean {
  // A member that was never heard has no disk yet: whichever it brings is the same one.
  const isSame = (a: Member, b: Member) =>
    a.id === b.id && (a.storage === b.storage || a.storage === 0 || b.storage === 0);
  const shared = one.filter((a) => other.some((b) => isSame(a, b))).length;
  // At worst each majority takes everybody that the other set does not have.
  const needed = (all: number) => Math.floor(all / 2) + 1 - (all - shared);
  return needed(one.length) + needed(other.length) > shared;
}

function textOf(configuration: Configuration): string {
  const names = (members: readonly Member[]) =>
    members.map(({ id, storage }) => `${id}/${storage}`).join(' ');
  const { voters, outgoing, learners } = configuration;
  const old = outgoing.length > 0 ? ` leaving ${names(outgoing)}` : '';
  return `${names(voters)}${old}${learners.length > 0 ? ` for ${names(learners)}` : ''}`;
}
