/**
 * A read and a write as values: what their coordinators know, and nothing about messages, time or
 * other nodes (the shape is that of riak_kv's get and put cores: add a result, ask whether it is
 * enough, take the response, and at the end what is left to be done).
 *
 * Each of the key's N homes has a *place*, filled by the home itself or by the node that stands in
 * for it. A quorum counts places, so it counts different nodes.
 */

import type { NodeId } from '../ids';
import { lackedBy, mergeVersions, NO_VERSIONS, type Versions } from './versions';

export class GetCore {
  private readonly results = new Map<
    NodeId,
    { readonly from: NodeId; readonly versions: Versions }
  >();
  private merged = NO_VERSIONS;

  constructor(readonly quorum: number) {}

  /** What `from` holds, for the place of `home`. The first result for a place counts. */
  addResult(home: NodeId, from: NodeId, versions: Versions): void {
    if (this.results.has(home)) return;
    this.results.set(home, { from, versions });
    this.merged = mergeVersions(this.merged, versions);
  }

  get answered(): number {
    return this.results.size;
  }

  get enough(): boolean {
    return this.results.size >= this.quorum;
  }

  /** Everything that the answers so far amount to. */
  response(): Versions {
    return this.merged;
  }

  /** Read repair (Dynamo §5): the homes that answered with less, and what each of them lacks. */
  finalAction(): { readonly node: NodeId; readonly versions: Versions }[] {
    return [...this.results].flatMap(([home, { from, versions }]) => {
      const lacked = lackedBy(versions, this.merged);
      return home === from && lacked.length > 0 ? [{ node: home, versions: lacked }] : [];
    });
  }
}

export class PutCore {
  /** The place of each home, and who has filled it. */
  private readonly stored = new Map<NodeId, NodeId>();

  constructor(
    readonly quorum: number,
    private readonly homes: readonly NodeId[],
  ) {}

  /** It is durable with `by`: the home, or its stand-in. */
  addResult(home: NodeId, by: NodeId): void {
    this.stored.set(home, by);
  }

  /** Who has filled this place; undefined if nobody has. */
  filledBy(home: NodeId): NodeId | undefined {
    return this.stored.get(home);
  }

  /** Who has filled this place does not have it any more. */
  withdraw(home: NodeId): void {
    this.stored.delete(home);
  }

  get answered(): number {
    return this.stored.size;
  }

  get enough(): boolean {
    return this.stored.size >= this.quorum;
  }

  /** The homes for which nobody has it: the coordinator keeps it for them, if it can. */
  finalAction(): readonly NodeId[] {
    return this.homes.filter((home) => !this.stored.has(home));
  }
}
