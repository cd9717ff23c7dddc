/**
 * Replicas on disks that never fail, joined by links that only lose messages or are cut: for figures
 * about what travels, which faults of all kinds would blur. What is right is for the simulator.
 */

import { convergentCodec } from '../../core/convergent/codec';
import { Convergent } from '../../core/convergent/convergent';
import { DEFAULT_CONVERGENT_OPTIONS } from '../../core/convergent/defaults';
import type { ConvergentMessage, MessageKind } from '../../core/convergent/messages';
import { recover } from '../../core/convergent/recovery';
import type { Change, ConvergentReply, ConvergentRequest } from '../../core/convergent/requests';
import {
  journalSequence,
  millis,
  NEVER,
  type NodeId,
  nodeId,
  requestId,
  storageId,
} from '../../core/ids';
import { Prng } from '../../core/prng';
import type { Effect, Event } from '../../core/protocol';
import type { Planned } from '../timeline';
import { Timeline } from '../timeline';
import { registration } from './timed_replica';

const DELAY_MS = 1;
const FLUSH_MS = 1;
/** Some day in 2023. */
const EPOCH_MS = 1_700_000_000_000;

interface Member {
  readonly id: NodeId;
  readonly core: Convergent;
  wake: Planned | undefined;
}

export class PlainGroup {
  /** Messages sent, by kind, and their bytes; lost ones too. */
  readonly sent: Record<MessageKind, number> = { push: 0, report: 0, pull: 0, part: 0 };
  bytes = 0;
  lossPercent = 0;
  isCut = false;
  private readonly timeline = new Timeline();
  private readonly codec = convergentCodec();
  private readonly members: Member[] = [];
  private requests = 0;

  /** All know each other. */
  constructor(
    count: number,
    private readonly prng: Prng = new Prng(1, 'plain group'),
  ) {
    for (let i = 1; i <= count; i++) this.members.push(this.member(i));
    const [first, ...others] = this.members;
    for (const { id } of others) this.ask(first as Member, registration(id, this.wall));
    this.run(60_000);
  }

  get messages(): number {
    return Object.values(this.sent).reduce((sum, one) => sum + one, 0);
  }

  /** About how much one replica holds. */
  get stateBytes(): number {
    return (this.members[0] as Member).core.status().bytes;
  }

  get isEqual(): boolean {
    const states = this.members.map(({ core }) => {
      const { digest, seen } = core.status();
      return digest + Object.entries(seen).sort().join(' ');
    });
    return new Set(states).size === 1;
  }

  put(member: number, texts: ReadonlyMap<string, string>): void {
    const changes = [...texts].map(([key, text]) => {
      const value = Uint8Array.from(text, (one) => one.charCodeAt(0));
      return { key, change: { kind: 'put', value } satisfies Change };
    });
    const times = { deadline: NEVER, wall: this.wall };
    const request = { kind: 'update', changes, returnsState: false, ...times } as const;
    this.ask(this.members[member] as Member, request);
  }

  run(ms: number): void {
    this.timeline.runUntil(this.timeline.now + ms);
  }

  /** Lets time pass until all replicas are equal, and says how much. */
  runUntilEqual(patienceMs: number): number {
    const begun = this.timeline.now;
    while (!this.isEqual) {
      if (this.timeline.now > begun + patienceMs) throw new Error('the replicas are not equal');
      this.run(10);
    }
    return this.timeline.now - begun;
  }

  private get wall() {
    return millis(EPOCH_MS + this.timeline.now);
  }

  private member(number: number): Member {
    const id = nodeId(`n${number}`);
    const options = {
      ...DEFAULT_CONVERGENT_OPTIONS,
      ...{ self: id, address: `http://${id}`, storage: storageId(number), seed: number },
      wall: this.wall,
    };
    const nothing = { snapshot: undefined, records: [], firstSequence: journalSequence(1) };
    const core = new Convergent(options, recover(nothing), millis(this.timeline.now));
    return { id, core, wake: undefined };
  }

  private ask(member: Member, request: ConvergentRequest): void {
    this.step(member, { kind: 'request', id: requestId(++this.requests), request });
  }

  private step(member: Member, event: Event<ConvergentMessage, ConvergentRequest>): void {
    const { core } = member;
    for (const effect of core.step(millis(this.timeline.now), [event])) {
      this.carryOut(member, effect);
    }
    if (member.wake?.at === core.wakeAt) return;
    if (member.wake !== undefined) member.wake.isCancelled = true;
    member.wake = this.timeline.at(core.wakeAt, () => {
      member.wake = undefined;
      this.step(member, { kind: 'wake' });
    });
  }

  private carryOut(member: Member, effect: Effect<ConvergentMessage, ConvergentReply>): void {
    if (effect.kind === 'send') return this.send(member, effect.to, effect.message);
    if (effect.kind === 'persist') {
      const { through } = effect;
      this.timeline.after(FLUSH_MS, () => this.step(member, { kind: 'persisted', through }));
    } else if (effect.kind === 'reply' && effect.reply.kind === 'failed') {
      throw new Error(`a request failed: ${effect.reply.error.code}`);
    }
  }

  private send(from: Member, to: NodeId, message: ConvergentMessage): void {
    this.sent[message.kind]++;
    for (const { length } of this.codec.encode(message)) this.bytes += length;
    if (this.isCut || this.prng.chance(this.lossPercent, 100)) return;
    const receiver = this.members.find(({ id }) => id === to);
    if (receiver === undefined) return;
    this.timeline.after(DELAY_MS, () => {
      this.step(receiver, { kind: 'message', from: from.id, message });
    });
  }
}
