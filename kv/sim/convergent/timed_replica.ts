/**
 * A core with what its driver adds: the wall clock in every request, and a list of peers that it
 * registers when its disk is empty, as a node with a static list does.
 */

import type { Convergent } from '../../core/convergent/convergent';
import type { ConvergentMessage } from '../../core/convergent/messages';
import type {
  ConvergentReply,
  ConvergentRequest,
  RegisterRequest,
} from '../../core/convergent/requests';
import { type Millis, millis, NEVER, type NodeId, type RequestId, requestId } from '../../core/ids';
import type { Effect, Event, Protocol } from '../../core/protocol';
import type { LateQuestions } from './late_questions';
import type { Order } from './true_peers';

type ConvergentEvent = Event<ConvergentMessage, ConvergentRequest>;
type OrderEvent = Extract<ConvergentEvent, { kind: 'request' }> & { readonly request: Order };
type ConvergentEffect = Effect<ConvergentMessage, ConvergentReply>;

export interface Arrived {
  readonly id: RequestId;
  readonly request: ConvergentRequest;
}

/** Requests of the driver itself are numbered from here: nobody waits for their answers. */
const OWN_REQUESTS = 2 ** 40;

export class TimedReplica
  implements Protocol<ConvergentMessage, ConvergentRequest, ConvergentReply>
{
  /** The requests of clients that came with the last step. */
  arrived: Arrived[] = [];
  /** What operators asked for in the last step; its own list of peers is an operator's too. */
  orders: Order[] = [];
  private toRegister: readonly NodeId[];
  private offsetMs = Number.NaN;
  private readonly asked = new Map<RequestId, NodeId>();
  private lastOrder = 0;

  constructor(
    readonly core: Convergent,
    private readonly wall: () => Millis,
    peers: readonly NodeId[],
    private readonly late: LateQuestions,
    private readonly due: () => readonly Order[],
  ) {
    this.toRegister = core.inspect.seen.size === 0 ? peers : [];
  }

  get wakeAt(): Millis {
    return this.core.wakeAt;
  }

  step(at: Millis, events: readonly ConvergentEvent[]): ConvergentEffect[] {
    const timed = this.late.with(events).map((event): ConvergentEvent => {
      const isTimed = event.kind === 'request' && 'wall' in event.request;
      return isTimed ? { ...event, request: { ...event.request, wall: this.wall() } } : event;
    });
    this.arrived = timed.flatMap((event) => (event.kind === 'request' ? [event] : []));
    const own = [...this.registrations(), ...this.changesOfMind()];
    const all = [...this.clockReading(at), ...own, ...timed];
    this.orders = [...own, ...this.arrived].flatMap(({ request }) =>
      request.kind === 'register' || request.kind === 'unregister' ? [request] : [],
    );
    return this.core.step(at, all).filter((effect) => {
      if (effect.kind !== 'reply' || effect.id < OWN_REQUESTS) return true;
      // Too much waits for the disk: the driver tries again.
      const peer = this.asked.get(effect.id);
      if (effect.reply.kind === 'failed' && peer) this.toRegister = [...this.toRegister, peer];
      return false;
    });
  }

  /** A driver reads the clock now and then; here it does when the clock was set. */
  private clockReading(at: Millis): ConvergentEvent[] {
    const wall = this.wall();
    const offsetMs = wall - at;
    if (offsetMs === this.offsetMs) return [];
    this.offsetMs = offsetMs;
    return [{ kind: 'request', id: requestId(OWN_REQUESTS), request: { kind: 'clock', wall } }];
  }

  private registrations(): OrderEvent[] {
    const peers = this.toRegister;
    this.toRegister = [];
    return peers.map((peer) => {
      const event = this.ordered(registration(peer));
      this.asked.set(event.id, peer);
      return event;
    });
  }

  private changesOfMind(): OrderEvent[] {
    return this.due().map((order) => this.ordered(order));
  }

  private ordered(order: Order): OrderEvent {
    const id = requestId(OWN_REQUESTS + ++this.lastOrder);
    return { kind: 'request', id, request: { ...order, wall: this.wall() } };
  }
}

export const registration = (
  peer: NodeId,
  wall = millis(0),
  deadline: Millis = NEVER,
): RegisterRequest => ({
  ...{ kind: 'register', peer, address: `http://${peer}`, renews: true, wall, deadline },
});
