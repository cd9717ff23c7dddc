/** What an operator may want to know about a node. */

import type { NodeId } from '../ids';
import { textOfName } from './log_name';
import type { Progress } from './progress';
import { healthOf, whyNotWritable } from './reachability';
import type { Master, Secondary } from './roles';
import type { LogState } from './state';

/** `suspected`: not heard of for a while. `unhealthy`: for longer, or never. */
export type Health = 'healthy' | 'suspected' | 'unhealthy';

export interface LogStatus {
  readonly self: NodeId;
  /** The name of the log; '' on a secondary that has none yet. */
  readonly log: string;
  /** The oldest order that is kept. */
  readonly first: number;
  /** The order that comes next, among what is shown: below it everything is durable here. */
  readonly end: number;
  /** Messages that the disk does not have yet. */
  readonly unsynced: number;
  readonly messages: number;
  readonly bytes: number;
  /** Ids of dropped messages that are still remembered. */
  readonly droppedIds: number;
  readonly followers: number;
  readonly snapshotActivity: 'none' | 'taking';
  readonly role: MasterStatus | SecondaryStatus;
}

export interface MasterStatus {
  readonly kind: 'master';
  /** How many copies there should be, the master's included. */
  readonly copies: number;
  readonly waiting: number;
  /** Whether appends are taken; if not, why. */
  readonly isWritable: boolean;
  readonly notWritable: string | undefined;
  readonly secondaries: readonly SecondaryOfMaster[];
}

export interface SecondaryOfMaster {
  readonly id: NodeId;
  readonly health: Health;
  /** Milliseconds since it was heard of; undefined before the first time. */
  readonly silentForMs: number | undefined;
  /**
   * `absent`: it has not answered since this master started or since it was lost.
   * `following`: it takes the log. `conflict`: it holds what is not of this log; `problem` says what.
   */
  readonly state: 'absent' | 'following' | 'conflict';
  readonly problem: string | undefined;
  /** Everything below this order is durable there. */
  readonly end: number;
  /** How many messages it lacks. */
  readonly lag: number;
  readonly inFlight: number;
  /** Times that something had to be sent again. */
  readonly retries: number;
}

export interface SecondaryStatus {
  readonly kind: 'secondary';
  readonly master: NodeId;
  /** Whether the master has taken it on since it was started or last connected. */
  readonly isFollowing: boolean;
  /** Where the master's log ends, as it last said. */
  readonly masterEnd: number | undefined;
  /** Below this order everything came from the master; what is above came from outside only. */
  readonly confirmedEnd: number;
  /** Messages beyond a gap. */
  readonly held: number;
  /** Why what the master sends cannot be taken. */
  readonly problem: string | undefined;
}

export function statusOf(node: LogState): LogStatus {
  const { log, role, followers, taking, self } = node;
  return {
    self,
    log: textOfName(log.name),
    first: log.first,
    end: log.durableEnd,
    unsynced: log.end - log.durableEnd,
    messages: log.durableEnd - log.first,
    bytes: log.bytes,
    droppedIds: log.droppedIds,
    followers: followers.size,
    snapshotActivity: taking === undefined ? 'none' : 'taking',
    role: role.kind === 'master' ? statusOfMaster(node, role) : statusOfSecondary(role),
  };
}

function statusOfMaster(node: LogState, master: Master): MasterStatus {
  const problem = whyNotWritable(node, master);
  return {
    kind: 'master',
    copies: master.copies,
    waiting: master.waiting.size + (master.learning?.parked.length ?? 0),
    isWritable: problem === undefined,
    notWritable: problem?.message,
    secondaries: master.all.map((progress) => statusOfProgress(node, master, progress)),
  };
}

function statusOfProgress(node: LogState, master: Master, progress: Progress): SecondaryOfMaster {
  const { id, heardAt, standing, match, inFlight, retries } = progress;
  return {
    id,
    health: healthOf(node, master, progress),
    silentForMs: heardAt === undefined ? undefined : node.now - heardAt,
    state: standing.kind,
    problem: standing.kind === 'conflict' ? standing.problem : undefined,
    end: match,
    lag: node.log.durableEnd - match,
    inFlight,
    retries,
  };
}

function statusOfSecondary(secondary: Secondary): SecondaryStatus {
  const { options, attempt, confirmedEnd, held, conflict, masterEnd } = secondary;
  return {
    kind: 'secondary',
    master: options.master,
    isFollowing: attempt !== undefined,
    masterEnd,
    confirmedEnd,
    held: held.size,
    problem:
      conflict === undefined
        ? undefined
        : `holds another message at ${conflict} than the master: wipe it or clear it`,
  };
}
