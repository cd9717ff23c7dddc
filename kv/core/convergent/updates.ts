/** What clients ask: changes of keys, and what keys are. Answered by this replica alone. */

import type { ByteString } from '../command';
import { type ErrorCode, type OperatingError, operatingError } from '../errors';
import type { RequestId } from '../ids';
import { applyChange } from './changes';
import { isPresent, viewOf } from './parts';
import { type Cell, cellBytes } from './parts_codec';
import type {
  ConvergentReply,
  Entries,
  GetRequest,
  StateRequest,
  UpdateRequest,
  View,
} from './requests';
import type { Stamp } from './stamps';
import type { ConvergentState } from './state';
import { isReserved } from './store';
import { withStamp } from './vectors';

export function receiveUpdate(node: ConvergentState, id: RequestId, request: UpdateRequest): void {
  const refusal = refusalOf(node, request);
  if (refusal !== undefined) return node.reply(id, { kind: 'failed', error: refusal });
  const stamp = newStamp(node);
  const cells = cellsOf(node, request, stamp);
  if (!Array.isArray(cells)) return node.reply(id, { kind: 'failed', error: cells });
  const existed = request.changes.map(({ key }) => isPresent(node.store.partsOf(key)));
  node.counts.updates++;
  if (cells.length > 0) changeHere(node, stamp, cells);
  const state = request.returnsState ? stateOf(node) : undefined;
  const wish = { deadline: request.deadline, isWrite: cells.length > 0 };
  node.pending.answer(id, wish, { kind: 'updated', existed, state });
}

/** The stamp of a new update, if it comes to one: nothing that this replica has seen is as late. */
export const newStamp = (node: ConvergentState): Stamp => ({
  time: node.clock.next(node.now),
  replica: node.replica,
});

/** An update of this replica takes effect here; the others are told once it is durable. */
export function changeHere(node: ConvergentState, stamp: Stamp, cells: readonly Cell[]): void {
  node.take({ seen: withStamp(node.seen, stamp), cells });
  for (const { key } of cells) node.changedHere.add(key);
}

function refusalOf(node: ConvergentState, { changes }: UpdateRequest): OperatingError | undefined {
  const { options, pending, seen, replica, clock, now } = node;
  if (pending.isFull) {
    return refuse('overloaded', 'Too many requests wait for the disk', { pending: pending.size });
  }
  const next = clock.next(now);
  if (clock.isTooFar(next, now)) return clockAhead(clock.aheadMs(next, now), options.maxDriftMs);
  if (!seen.has(replica) && seen.size >= options.maxReplicas) {
    const many = 'As many replicas have written as are allowed; this would be one more';
    return refuse('overloaded', many, { limit: options.maxReplicas });
  }
  if (changes.length > options.maxChanges) {
    const counts = { changes: changes.length, limit: options.maxChanges };
    return refuse('too_large', 'A request has too many changes', counts);
  }
  const keys = new Set<ByteString>();
  for (const { key } of changes) {
    if (key === '') return refuse('key_empty', 'A key must have a character');
    if (isReserved(key)) return refuse('key_reserved', 'A key must not begin with a zero byte');
    if (key.length > options.maxKeyBytes) {
      const counts = { bytes: key.length, limit: options.maxKeyBytes };
      return refuse('too_large', 'A key is too long', counts);
    }
    if (keys.has(key)) return refuse('change_not_valid', 'A request changes a key only once');
    keys.add(key);
  }
  return undefined;
}

const refuse = (
  code: ErrorCode,
  message: string,
  details: Readonly<Record<string, number>> = {},
): OperatingError => operatingError(code, `${message}.`, details);

/** The peers would refuse it, and with it all that is written here, until their clocks are there. */
const clockAhead = (aheadMs: number, maxDriftMs: number): OperatingError => {
  const ahead = Math.ceil(aheadMs);
  const what = `The newest update here is ${ahead} ms ahead of the wall clock; no peer would take more`;
  const then = 'set the clock right if it is behind, or write to another replica';
  return refuse('clock_ahead', `${what}: ${then}`, { ahead_ms: ahead, max_drift_ms: maxDriftMs });
};

const REFUSALS = {
  wrong_type: 'The key has a value of another type; delete it first',
  change_not_valid: 'The change makes no sense: a count is a whole number, a set needs elements',
} as const;

/** What the keys become; those that stay as they are left out. */
function cellsOf(
  { store, options }: ConvergentState,
  { changes }: UpdateRequest,
  stamp: Stamp,
): Cell[] | OperatingError {
  const cells: Cell[] = [];
  let total = 0;
  for (const { key, change } of changes) {
    const before = store.partsOf(key);
    const parts = applyChange(before, change, stamp);
    if (typeof parts === 'string') return refuse(parts, REFUSALS[parts]);
    if (parts === before) continue;
    const cell = { key, parts };
    const bytes = cellBytes(cell);
    total += bytes;
    // A delete makes room, however large it is with others.
    const isTooLarge = change.kind !== 'delete' && bytes > options.maxValueBytes;
    if (isTooLarge) {
      return refuse('too_large', 'A value is too large', { bytes, limit: options.maxValueBytes });
    }
    cells.push(cell);
  }
  if (total > options.maxUpdateBytes) {
    const counts = { bytes: total, limit: options.maxUpdateBytes };
    return refuse('too_large', 'A request changes too much at once', counts);
  }
  return cells;
}

export function receiveGet(node: ConvergentState, id: RequestId, request: GetRequest): void {
  const { key, deadline } = request;
  const reply: ConvergentReply = { kind: 'value', view: clientView(node, key) };
  // What is shown must not be lost again: but only what was just written is not durable.
  if (!node.unsaved.has(key)) return node.reply(id, reply);
  answerRead(node, id, deadline, reply);
}

export function receiveState(node: ConvergentState, id: RequestId, request: StateRequest): void {
  answerRead(node, id, request.deadline, { kind: 'state', state: stateOf(node) });
}

function answerRead(
  node: ConvergentState,
  id: RequestId,
  deadline: GetRequest['deadline'],
  reply: ConvergentReply,
): void {
  if (node.pending.isFull) {
    const error = refuse('overloaded', 'Too many requests wait for the disk', {
      pending: node.pending.size,
    });
    return node.reply(id, { kind: 'failed', error });
  }
  node.pending.answer(id, { deadline, isWrite: false }, reply);
}

const clientView = ({ store }: ConvergentState, key: ByteString): View | undefined =>
  isReserved(key) ? undefined : viewOf(store.partsOf(key));

function stateOf(node: ConvergentState): Entries {
  const entries: [ByteString, View][] = [];
  for (const key of node.store.keys()) {
    const view = clientView(node, key);
    if (view !== undefined) entries.push([key, view]);
  }
  return entries;
}
