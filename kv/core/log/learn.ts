/**
 * A master with an empty disk, at its first start or because its disk was lost. It hands out no order
 * before it has asked its secondaries what they hold: a message that was acknowledged with two copies
 * may be on any one of them, so a log that anybody holds is gone on with only when all have
 * answered. Then it is fetched from whoever has most of it, under the next generation of its name:
 * nobody can take it for the log of the disk that was lost, whose end may have been another one.
 *
 * If nobody holds a log, a new one begins: at once when all have said so, or after `beginAfterMs`.
 */

import { receiveAppend } from './appends';
import { receiveHello } from './attempts';
import type { Learning } from './learning';
import { isSameLog, textOfName } from './log_name';
import type { MessageOf } from './messages';
import type { Progress } from './progress';
import type { Master } from './roles';
import { renameCopy } from './secondary_copy';
import type { LogState } from './state';

type Hello = MessageOf<'hello'>;
type Answer = readonly [Progress, Hello];
/** Of somebody who has heard of a log. */
type Holder = readonly [Progress, Hello & { readonly name: NonNullable<Hello['name']> }];

export function ask(node: LogState, { number }: Learning, { id }: Progress): void {
  node.send(id, { kind: 'ask', number });
}

export function receiveAnswer(
  node: LogState,
  learning: Learning,
  progress: Progress,
  hello: Hello,
): void {
  const { answers, source, number } = learning;
  const before = answers.get(progress);
  const isAnswer = hello.asked === number;
  if (isAnswer) answers.set(progress, hello);
  // It has another disk than when it answered, or has been started since: it is asked again.
  else if (before?.disk !== hello.disk) answers.delete(progress);
  if (!answers.has(progress)) ask(node, learning, progress);
  if (source?.progress !== progress || isSameAnswer(before, answers.get(progress))) return;
  node.narrate(`${progress.id} does not hold any more what it held`);
  learning.source = undefined;
}

const isSameAnswer = (one: Hello | undefined, other: Hello | undefined): boolean =>
  one?.disk === other?.disk && one?.end === other?.end && isSameLog(one?.name, other?.name);

/** Asks, decides, fetches; and ends it once all is there for certain. */
export function learn(node: LogState, master: Master, learning: Learning): void {
  askAgain(node, master, learning);
  if (learning.source === undefined) decide(node, master, learning);
  if (master.learning === undefined) return;
  fetchMore(node, master, learning);
  const { log, journal } = node;
  const isThere = log.isWhole && log.isNameDurable(journal.durable);
  if (learning.source !== undefined && isThere) finish(node, master, learning);
  else refuseLate(node, master, learning);
}

/** Those who have answered as well: there is no other heartbeat yet by which to know who is in reach. */
function askAgain(node: LogState, master: Master, learning: Learning): void {
  if (node.now < master.nextHeartbeat) return;
  const { source } = learning;
  master.nextHeartbeat = node.now + master.options.heartbeatMs;
  for (const progress of master.all) ask(node, learning, progress);
  if (source !== undefined) source.requested = undefined;
}

function decide(node: LogState, master: Master, learning: Learning): void {
  const answers: Answer[] = [...learning.answers];
  const isAll = answers.length === master.all.length;
  const holders = answers.filter((answer): answer is Holder => answer[1].name !== undefined);
  if (holders.length === 0) {
    const isTime = node.now >= learning.since + master.options.beginAfterMs;
    if (isAll || isTime) begin(node, master, learning);
    return;
  }
  const full = holders.filter(([, { isEmpty }]) => !isEmpty);
  const ofOrigin = (full[0] ?? holders[0])?.[1].name.origin;
  const related = holders.filter(([, { name }]) => name.origin === ofOrigin);
  const latest = Math.max(...related.map(([, { name }]) => name.generation));
  const newest = related.filter(([, { name }]) => name.generation === latest);
  learning.problem = contradictionIn(full, newest);
  if (learning.problem === undefined && isAll) takeOver(node, learning, newest);
}

/** Two logs, of which neither can have become of the other: somebody has to choose. */
function contradictionIn(full: readonly Holder[], newest: readonly Holder[]): string | undefined {
  const [one] = newest;
  const other =
    full.find(([, { name }]) => name.origin !== one?.[1].name.origin) ??
    newest.find(([, { name }]) => !isSameLog(name, one?.[1].name));
  if (one === undefined || other === undefined) return undefined;
  const [a, b] = [one, other].map(([{ id }, { name }]) => `${id} holds log ${textOfName(name)}`);
  return `${a}, ${b}: wipe the one that shall not go on`;
}

function takeOver(node: LogState, learning: Learning, holders: readonly Holder[]): void {
  const [longest] = [...holders].sort(([, one], [, other]) => other.end - one.end);
  if (longest === undefined) return;
  const [progress, { name, end }] = longest;
  // What one of them was told to drop was on all nodes.
  const first = Math.min(end, Math.max(...holders.map(([, hello]) => hello.first)));
  const generation = 1 + Math.max(name.generation, node.log.name?.generation ?? 0);
  node.continueLog({ ...name, disk: node.options.storage, generation }, first, { name, end });
  learning.source = { progress, name, requested: undefined };
  node.narrate(`takes over log ${textOfName(name)} below ${end} from ${progress.id}`);
}

function fetchMore(node: LogState, { options }: Master, { source, number }: Learning): void {
  const { log } = node;
  const isMissing = source !== undefined && log.end < (log.base?.end ?? 0);
  if (!isMissing || source.requested === log.end) return;
  if (log.bytesBetween(log.durableEnd, log.end) > options.maxUnsyncedBytes) return;
  source.requested = log.end;
  node.send(source.progress.id, { kind: 'fetch', number, name: source.name, from: log.end });
}

export function receiveFetched(
  { log, journal }: LogState,
  { learning }: Master,
  progress: Progress,
  { number, entries }: MessageOf<'fetched'>,
): void {
  if (learning?.number !== number || learning.source?.progress !== progress) return;
  for (const entry of entries) {
    if (entry.order !== log.end || entry.order >= (log.base?.end ?? 0)) continue;
    journal.write({ kind: 'entry', entry });
    log.push(entry, journal.sequence);
  }
}

/** Nobody holds a log, as far as is known. */
function begin(node: LogState, master: Master, learning: Learning): void {
  const { log, options } = node;
  const disk = options.storage;
  const generation = 1 + (log.name?.generation ?? 0);
  const name = { disk, generation, origin: disk };
  if (log.name === undefined) renameCopy(node, name);
  else node.beginLog(name, 0);
  finish(node, master, learning);
}

/** From here on it is a master like any other: with whom it has spoken it begins. */
function finish(node: LogState, master: Master, learning: Learning): void {
  master.learning = undefined;
  master.nextHeartbeat = node.now;
  for (const [progress, hello] of learning.answers) receiveHello(node, master, progress, hello);
  for (const { request, append } of learning.takeParked(() => true)) {
    receiveAppend(node, request, append);
  }
}

/** Nothing of these was appended. */
function refuseLate(node: LogState, { options, all }: Master, learning: Learning): void {
  const { now } = node;
  const isPatient = learning.isPatient(now, options);
  const late = learning.takeParked(({ append }) => !isPatient || append.deadline <= now);
  for (const { request } of late) node.fail(request, learning.why(all));
}
