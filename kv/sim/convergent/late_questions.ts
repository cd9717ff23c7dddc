/**
 * A fault for givers: a question that begins a transfer comes again, some time later. The giver may
 * have been restarted by then, or have answered a later question of the same asker, and so know
 * nothing of that transfer any more, while the asker is in the middle of it. Messages that are
 * repeated by chance do that once in a thousand runs.
 */

import type { ConvergentMessage } from '../../core/convergent/messages';
import type { ConvergentRequest } from '../../core/convergent/requests';
import type { Prng } from '../../core/prng';
import type { Event } from '../../core/protocol';
import type { RunConfiguration } from '../configuration';
import type { Timeline } from '../timeline';

type ConvergentEvent = Event<ConvergentMessage, ConvergentRequest>;

const COPIES = [0, 2] as const;
const LATER_MS = [1, 300] as const;

/** Those that one node is asked, whatever becomes of its process. */
export class LateQuestions {
  /** Only where messages may be late, and in half of these runs. */
  private readonly isOn: boolean;
  private underWay: { readonly event: ConvergentEvent; readonly at: number }[] = [];

  constructor(
    private readonly timeline: Timeline,
    private readonly configuration: RunConfiguration,
    /** Its own, so that it changes no other draw. */
    private readonly prng: Prng,
  ) {
    this.isOn = !configuration.network.ordered && prng.chance(1, 2);
  }

  /** What has come to the node, and what comes again with that. */
  with(events: readonly ConvergentEvent[]): readonly ConvergentEvent[] {
    const { now } = this.timeline;
    if (!this.isOn || now >= this.configuration.durationMs) return events;
    const due = this.underWay.filter(({ at }) => at <= now);
    if (due.length > 0) this.underWay = this.underWay.filter(({ at }) => at > now);
    for (const event of events) {
      const isFirst =
        event.kind === 'message' && event.message.kind === 'pull' && event.message.part === 0;
      for (let copies = isFirst ? this.prng.between(...COPIES) : 0; copies > 0; copies--) {
        this.underWay.push({ event, at: now + this.prng.between(...LATER_MS) });
      }
    }
    return due.length === 0 ? events : [...events, ...due.map(({ event }) => event)];
  }
}
