/**
 * The configuration of the cluster: who votes, and with which disk.
 *
 * A configuration is an entry of the log, used from the moment it is appended and rolled back when
 * its entry is truncated (§6, pitfall of many implementations: using it only once committed). It
 * has room for joint consensus from the first day: `outgoing` holds the voters of the old
 * configuration while both must agree.
 *
 * A member is an address *and the identity of its disk*. A node whose disk was wiped or swapped
 * has forgotten its votes and the entries it acknowledged, so it must neither vote nor count until
 * it has caught up and the leader has committed a configuration that binds its new disk. That is a
 * change of one member for another, and it takes a joint phase: the old disk will never vote again,
 * but a vote that it gave may still be on its way to a candidate of a higher term. So the change
 * commits only with a majority of the old configuration *without* the old disk, and such a majority
 * shares a member, other than this one, with the majority of any candidate that has that vote.
 */

import { ByteReader, ByteWriter, DecodeError } from '../bytes';
import { type NodeId, nodeId, type StorageId, storageId } from '../ids';
import { reachedByMajority, tally } from '../quorum';

export interface Member {
  readonly id: NodeId;
  /** The data folder it is known by; 0 while it has never been heard of. */
  readonly storage: StorageId;
}

export interface Configuration {
  readonly voters: readonly Member[];
  /** The voters of the configuration being left; empty outside a joint phase. */
  readonly outgoing: readonly Member[];
  /** They receive the log but neither vote nor count. */
  readonly learners: readonly Member[];
}

/** The configuration of a cluster that has not begun: every disk is still unknown. */
export function bootstrapConfiguration(members: readonly NodeId[]): Configuration {
  const voters = [...members].sort().map((id) => ({ id, storage: storageId(0) }));
  return { voters, outgoing: [], learners: [] };
}

export function findMember(configuration: Configuration, id: NodeId): Member | undefined {
  const { voters, outgoing, learners } = configuration;
  const has = (members: readonly Member[]) => members.find((member) => member.id === id);
  return has(voters) ?? has(outgoing) ?? has(learners);
}

/** Everybody who is sent the log, each once. */
export function allMembers(configuration: Configuration): NodeId[] {
  const { voters, outgoing, learners } = configuration;
  return [...new Set([...voters, ...outgoing, ...learners].map((member) => member.id))];
}

export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return [...configuration.voters, ...configuration.outgoing].some((member) => member.id === id);
}

/** True while no disk is bound, which is only before the first entry of the first leader. */
export const isUnbound = (configuration: Configuration): boolean =>
  configuration.voters.every((member) => member.storage === 0);

/** The value that a majority has reached; in a joint phase, a majority of both. */
export function reachedByQuorum(
  configuration: Configuration,
  reached: (member: Member) => number,
): number {
  return Math.min(
    reachedByMajority(configuration.voters.map(reached)),
    reachedByMajority(configuration.outgoing.map(reached)),
  );
}

/** How a vote stands; in a joint phase it must be won in both configurations. */
export function voteOutcome(
  configuration: Configuration,
  vote: (member: Member) => boolean | undefined,
): 'won' | 'lost' | 'open' {
  const outcomes = [configuration.voters, configuration.outgoing]
    .filter((members) => members.length > 0)
    .map((members) => {
      const votes = members.map(vote);
      const granted = votes.filter((granted) => granted === true).length;
      return tally(members.length, granted, votes.filter((granted) => granted === false).length);
    });
  if (outcomes.includes('lost')) return 'lost';
  return outcomes.includes('open') ? 'open' : 'won';
}

/** The same configuration with other disks bound to some members; joint where one is replaced. */
export function rebind(
  { voters, learners }: Configuration,
  storages: ReadonlyMap<NodeId, StorageId>,
): Configuration {
  const bound = (member: Member) => ({
    id: member.id,
    storage: storages.get(member.id) ?? member.storage,
  });
  const replaces = voters.some(({ id, storage }) => storage !== 0 && storages.has(id));
  return {
    voters: voters.map(bound),
    outgoing: replaces ? voters : [],
    learners: learners.map(bound),
  };
}

export const isJoint = (configuration: Configuration): boolean => configuration.outgoing.length > 0;

/** The end of a joint phase. */
export const leaveJoint = ({ voters, learners }: Configuration): Configuration => ({
  voters,
  outgoing: [],
  learners,
});

const FORMAT_VERSION = 1;

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION);
  for (const members of [configuration.voters, configuration.outgoing, configuration.learners]) {
    writer.u32(members.length);
    for (const member of members) writer.text(member.id).u48(member.storage);
  }
  return writer.finish();
}

/** Throws `DecodeError` for anything but the above. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  reader.version(FORMAT_VERSION, 'a configuration');
  const members = (): Member[] => {
    const count = reader.count(10);
    return Array.from({ length: count }, () => readMember(reader));
  };
  const configuration = { voters: members(), outgoing: members(), learners: members() };
  reader.end();
  // Of no voters any number is a majority: such a configuration would commit everything.
  if (configuration.voters.length === 0) throw new DecodeError('a configuration has voters');
  return configuration;
}

function readMember(reader: ByteReader): Member {
  const id = reader.text();
  if (id === '') throw new DecodeError('a member has a name');
  return { id: nodeId(id), storage: storageId(reader.u48()) };
}
