/**
 * The trace: one grammar for golden scripts, the debug log, the simulator and the dashboard.
 *
 * A line is about one node in one term and is one of
 *
 *     n1@3 → n2 AppendEntries base=4@2 [5@3] commit=4     a message sent
 *     n1@3 ← n2 AppendEntriesReply match=5                a message received
 *     n1@3 term is higher (3 vs 1) → step down            a decision, with its reason
 *     n1@3 persist …, n1@3 apply …, n1@3 reply …          what the node does
 *
 * An entry is written `index@term`. Lines are built only while somebody listens: a core asks
 * `tracer.on` first, so that a silent trace costs one branch.
 */

export interface Tracer {
  readonly on: boolean;
  line(text: string): void;
}

export const SILENT: Tracer = { on: false, line: () => undefined };
