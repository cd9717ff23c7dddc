/**
 * The table of members: who belongs to the group, and in which state.
 *
 * Only a member itself changes its own entry, counting up its version, and only because an operator
 * said JOIN or LEAVE. So two tables never contradict each other: of two entries of one node the one
 * with the higher version is the newer one, and tables merge in any order to the same result.
 * Failures change nothing here (Dynamo §4.8.1: "explicit" membership).
 */

import { type ByteReader, type ByteWriter, DecodeError } from '../bytes';
import { type NodeId, nodeId } from '../ids';
import { digestOfDots, digestOfList } from './digests';
import { Ring } from './ring';

/**
 * `joining`: collects its share, and serves it once it is a member. `leaving`: still holds its
 * share, and hands it over. `left`: for ever, unless it joins again.
 */
export const STANDINGS = ['joining', 'member', 'leaving', 'left'] as const;
export type Standing = (typeof STANDINGS)[number];

export interface Member {
  readonly id: NodeId;
  readonly name: string;
  readonly standing: Standing;
  /** Counted up by the member with each change. */
  readonly version: number;
}

/** So many entries fit the table, those of nodes that have left included. */
export const MAX_MEMBERS = 256;
export const MAX_NAME_BYTES = 255;

export class MemberTable {
  private readonly entries = new Map<NodeId, Member>();
  private digestNow = 0;
  /** The ring that serves: members, and those that are about to leave. */
  current: Ring;
  /** The ring as it will be once everybody who joins or leaves has done so. */
  next: Ring;

  constructor(private readonly replicas: number) {
    this.current = this.next = new Ring([], replicas);
  }

  /** Equal for equal tables; 0 for an empty one. */
  get digest(): number {
    return this.digestNow;
  }

  get all(): readonly Member[] {
    return [...this.entries.values()];
  }

  find(id: NodeId): Member | undefined {
    return this.entries.get(id);
  }

  /** Takes what is newer; whether anything was. What does not fit is not taken. */
  merge(members: readonly Member[]): boolean {
    let isNew = false;
    for (const member of members) {
      const known = this.entries.get(member.id);
      if (known === undefined ? this.entries.size >= MAX_MEMBERS : !isNewer(member, known))
        continue;
      this.entries.set(member.id, member);
      isNew = true;
    }
    if (isNew) this.changed();
    return isNew;
  }

  private changed(): void {
    const sorted = this.all.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    // Nodes that were told another number of replicas go by another ring with the same members: they
    // must never take each other's word (D10).
    this.digestNow = digestOfList([
      this.replicas,
      ...sorted.map((one) =>
        digestOfDots(`${one.id} ${one.name}`, [one.version, STANDINGS.indexOf(one.standing)]),
      ),
    ]);
    const ringOf = (...standings: readonly Standing[]): Ring => {
      const of = sorted.filter(({ standing }) => standings.includes(standing));
      return new Ring(
        of.map(({ id }) => id),
        this.replicas,
      );
    };
    this.current = ringOf('member', 'leaving');
    this.next = sorted.some(({ standing }) => standing === 'joining' || standing === 'leaving')
      ? ringOf('member', 'joining')
      : this.current;
  }
}

/** Of entries with equal versions, which one writer does not make, all nodes prefer the same. */
export function isNewer(one: Member, other: Member): boolean {
  if (one.version !== other.version) return one.version > other.version;
  const step = STANDINGS.indexOf(one.standing) - STANDINGS.indexOf(other.standing);
  return step !== 0 ? step > 0 : one.name > other.name;
}

export function writeMember(writer: ByteWriter, member: Member): ByteWriter {
  return writer
    .text(member.id)
    .text(member.name)
    .u8(STANDINGS.indexOf(member.standing))
    .u32(member.version);
}

export function readMember(reader: ByteReader): Member {
  const id = shortText(reader);
  const name = shortText(reader);
  const standing = STANDINGS[reader.u8()];
  if (standing === undefined) throw new DecodeError('there is no such standing of a member');
  const version = reader.u32();
  if (version < 1) throw new DecodeError('versions of members count from 1');
  return { id: nodeId(id), name, standing, version };
}

function shortText(reader: ByteReader): string {
  const text = reader.text();
  if (text.length < 1 || text.length > MAX_NAME_BYTES) {
    throw new DecodeError(`names have 1 to ${MAX_NAME_BYTES} characters`);
  }
  return text;
}

const LEAST_MEMBER_BYTES = 15;

export function writeMembers(writer: ByteWriter, members: readonly Member[]): ByteWriter {
  writer.u32(members.length);
  for (const member of members) writeMember(writer, member);
  return writer;
}

export function readMembers(reader: ByteReader): Member[] {
  const count = reader.count(LEAST_MEMBER_BYTES);
  if (count > MAX_MEMBERS) throw new DecodeError(`a table has at most ${MAX_MEMBERS} members`);
  return Array.from({ length: count }, () => readMember(reader));
}
