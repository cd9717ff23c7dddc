/** What only a master has, and what only a secondary has. A node is one of the two for its life. */

import { type Millis, NEVER, type NodeId, type RequestId } from '../ids';
import { HeldMessages } from './held_messages';
import type { Learning } from './learning';
import type { MasterOptions, SecondaryOptions } from './options';
import { PendingReplies } from './pending_replies';
import { Progress } from './progress';
import { WaitingWrites } from './waiting_writes';

/** A clear that waits until the secondaries in reach have heard of it. */
export interface Clearing {
  readonly request: RequestId;
  readonly waitsFor: readonly Progress[];
  readonly deadline: Millis;
}

export class Master {
  readonly kind = 'master';
  readonly secondaries: ReadonlyMap<NodeId, Progress>;
  readonly waiting = new WaitingWrites();
  clearings: Clearing[] = [];
  nextHeartbeat: number;
  /** Its disk was empty: it takes nothing in before it knows what its secondaries hold. */
  learning: Learning | undefined;
  /** Where the durable messages ended, in bytes, when they were last looked at for sending. */
  livePosition = 0;

  constructor(
    readonly options: MasterOptions,
    now: Millis,
    /** The number of the last attempt to begin with a secondary. */
    public lastAttempt: number,
  ) {
    const { secondaries, retryMinMs } = options;
    this.secondaries = new Map(secondaries.map((id) => [id, new Progress(id, retryMinMs)]));
    this.nextHeartbeat = secondaries.length === 0 ? NEVER : now;
  }

  get all(): readonly Progress[] {
    return [...this.secondaries.values()];
  }

  /** How many copies there should be. */
  get copies(): number {
    return 1 + this.secondaries.size;
  }

  /** How far each copy is known to reach, the master's own first. */
  ends(durableEnd: number): number[] {
    return [durableEnd, ...this.all.map(({ vouchedEnd }) => vouchedEnd)];
  }
}

/** Something that is to be taken in later, by a secondary that was told to be slow. */
export interface Delayed {
  readonly at: number;
  readonly bytes: number;
  readonly take: () => void;
}

export class Secondary {
  readonly kind = 'secondary';
  readonly held: HeldMessages;
  /** To whoever has sent messages from outside, or has asked for a clear. */
  readonly replies = new PendingReplies();
  /** What `trouble` lets lie, in the order of its coming. */
  readonly delayed: Delayed[] = [];
  delayedBytes = 0;
  /** Under which the master knows this node; undefined until it has begun with it. */
  attempt: number | undefined;
  /** The question of a master with an empty disk that the next greeting answers; 0 for none. */
  asked = 0;
  isHelloDue = true;
  isHeldDue = false;
  /** The end that the master was told last. */
  toldEnd = -1;
  /** An emulated error: up to this end nothing is acknowledged, but to heartbeats. */
  mutedEnd = -1;
  /** The order at which the master has sent another message than is held here. */
  conflict: number | undefined;
  /** What the master has ends here, as it last said. */
  masterEnd: number | undefined;

  constructor(
    readonly options: SecondaryOptions,
    public session: number,
    /** Below this order everything came from the master. */
    public confirmedEnd: number,
  ) {
    this.held = new HeldMessages(options.maxHeldMessages, options.maxHeldBytes);
  }
}

export type Role = Master | Secondary;
