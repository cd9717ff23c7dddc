/**
 * Joining and leaving, and how everybody hears of it (Dynamo §4.8).
 *
 * Who joins asks a seed, is noted as `joining`, collects the partitions that will be its own, and
 * only then declares itself a `member`. Who leaves is `leaving` while it hands over all that it
 * holds, and only then has `left`. Each change is durable before anybody is told. Tables are sent
 * when they have changed, to everybody who is not known to have them, until they do; every other
 * message carries the table's digest, so whoever has missed a change is noticed by chance.
 */

import { operatingError } from '../errors';
import type { NodeId, RequestId } from '../ids';
import { collect, startCollecting } from './collecting';
import { membersRecord } from './journal';
import { isNewer, type Member, type Standing } from './members';
import type { MessageOf } from './messages';
import { withdrawThoseWhoLeft } from './puts';
import type { JoinRequest } from './requests';
import type { DynamoState } from './state';

/** What the node is when it starts: recovered, a founder, or somebody who asks to come in. */
export function enter(node: DynamoState): void {
  const { founders, seedNode, group } = node.options;
  if (node.table.all.length > 0 || node.seed !== undefined) {
    tableChanged(node);
    askSeed(node);
    return;
  }
  if (founders.length > 0) {
    node.group = group;
    node.table.merge(founders.map((one) => ({ ...one, standing: 'member', version: 1 })));
    tableChanged(node);
  } else if (seedNode !== undefined) joinGroup(node, seedNode);
}

export function receiveJoinRequest(node: DynamoState, id: RequestId, request: JoinRequest): void {
  if (isWaitingToEnter(node) && request.seed === node.self) return stayOutside(node, id);
  const { standing } = node;
  const isAlone = standing === 'member' && node.table.next.members.length === 1;
  // Who is leaving hands over to this node, which must not go before that is done.
  const others = node.table.all.some(({ id, standing: one }) => id !== node.self && one !== 'left');
  // Who was not answered yet may be told of another seed.
  const isWaiting = isWaitingToEnter(node);
  const isFree = standing === undefined || standing === 'left' || isWaiting || (isAlone && !others);
  if (!isFree || request.seed === node.self || node.operations.size > 0) {
    const why = isFree ? 'this node is busy, or its own seed' : `this node is ${standing} already`;
    return refuse(node, id, `It cannot join: ${why}`);
  }
  joinGroup(node, request.seed);
  node.reply(id, { kind: 'accepted' });
}

/** It has asked a seed to be let in, and was not answered yet. */
const isWaitingToEnter = ({ standing, group }: DynamoState): boolean =>
  standing === 'joining' && group === 0;

/** The seed was a wrong one, or waits itself: this node is again what it was before it asked. */
function stayOutside(node: DynamoState, id: RequestId): void {
  const { former } = node;
  const asked = node.table.find(node.self)?.version ?? 0;
  node.resetTable();
  node.group = former?.group ?? 0;
  node.seed = node.former = undefined;
  // Its own entry has changed once more: whoever was asked may have noted the other one.
  const isOwn = (one: Member): boolean => one.id === node.self;
  const members = former?.members ?? [];
  node.table.merge(members.map((one) => (isOwn(one) ? { ...one, version: asked + 1 } : one)));
  tableChanged(node);
  node.reply(id, { kind: 'accepted' });
}

export function receiveLeaveRequest(node: DynamoState, id: RequestId): void {
  if (isWaitingToEnter(node)) return stayOutside(node, id);
  const { standing } = node;
  const isLast = node.table.next.members.length <= 1;
  if (standing === 'leaving') return node.reply(id, { kind: 'accepted' });
  if (standing !== 'member' || isLast || node.changing) {
    const why = standing === 'member' ? 'nobody would be left' : `it is ${standing ?? 'no member'}`;
    return refuse(node, id, `It cannot leave: ${why}`);
  }
  changeStanding(node, 'leaving');
  node.reply(id, { kind: 'accepted' });
}

function refuse(node: DynamoState, id: RequestId, message: string): void {
  node.reply(id, { kind: 'failed', error: operatingError('membership_not_possible', message) });
}

/** Puts the group that it was in aside, but not how often it has changed its own entry. */
function joinGroup(node: DynamoState, seed: NodeId): void {
  const version = (node.table.find(node.self)?.version ?? 0) + 1;
  const { group, table } = node;
  if (group !== 0) node.former = { group, members: table.all };
  node.resetTable();
  node.group = 0;
  node.seed = seed;
  const { self: id, options } = node;
  node.table.merge([{ id, name: options.name, standing: 'joining', version }]);
  writeMembers(node);
  node.journal.whenDurable(() => askSeed(node));
}

/** Asks to be let in, until it is. */
function askSeed(node: DynamoState): void {
  const member = node.table.find(node.self);
  if (node.group !== 0 || node.seed === undefined || member === undefined) return;
  node.send(node.seed, { kind: 'join', member });
  const { seed } = node;
  node.later(node.options.exchangeMs, () => {
    if (node.seed === seed) askSeed(node);
  });
}

/** Somebody asks to come in; whoever is a member may let it, and whoever was one still knows them. */
export function receiveJoin(node: DynamoState, from: NodeId, { member }: MessageOf<'join'>): void {
  const { standing, table } = node;
  const wasMember = standing === 'left' && table.next.members.length > 0;
  if ((standing !== 'member' && !wasMember) || member.id !== from) return;
  if (node.table.merge([member])) tableChanged(node);
  if (node.table.find(from) === undefined) return;
  node.journal.whenDurable(() => tell(node, from));
}

export function receiveMembers(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'members'>,
): void {
  if (node.group === 0) {
    if (from !== node.seed || message.group === 0) return;
    node.group = message.group;
    node.seed = node.former = undefined;
  }
  const remembered = rememberedOf(node, message.members);
  const members = message.members.filter((one) => one !== remembered);
  if (node.table.merge(members)) tableChanged(node);
  if (remembered !== undefined) changeStanding(node, 'joining', remembered.version);
  if (node.table.digest !== message.table) return noteUntold(node, from);
  node.untold.delete(from);
  node.sendWhenDurable(from, { kind: 'pong' });
}

/**
 * What the group remembers of this node from a former time: what it wants now is newer. It is never
 * taken over, not even into the journal: a crash could leave it there as the last word, and the node
 * would believe that it has a share which it has never collected.
 */
function rememberedOf(node: DynamoState, members: readonly Member[]): Member | undefined {
  const own = node.table.find(node.self);
  if (own?.standing !== 'joining') return undefined;
  return members.find((one) => one.id === node.self && isNewer(one, own));
}

/** Changes this node's own entry, above what others remember of it: durable first, then told. */
export function changeStanding(node: DynamoState, standing: Standing, above = 0): void {
  const own = node.table.find(node.self);
  if (own === undefined || node.changing) return;
  node.changing = standing;
  const changed = { ...own, standing, version: Math.max(own.version, above) + 1 };
  const members = [...node.table.all.filter(({ id }) => id !== own.id), changed];
  node.journal.write({ ...membersRecord(node), members });
  node.journal.whenDurable(() => {
    node.changing = undefined;
    node.narrate(`is ${standing} now`);
    if (node.table.merge([changed])) tableChanged(node);
    if (standing === 'left') forgetEverything(node);
  });
}

/** It is all with others. */
function forgetEverything(node: DynamoState): void {
  node.store.clear();
  node.deliveries.clear();
  node.exchanges.clear();
  node.sweep = undefined;
  node.journal.write({ kind: 'cleared' });
}

function writeMembers(node: DynamoState): void {
  node.journal.write(membersRecord(node));
}

/** The table is another one: all keys are looked at, and everybody is told. */
export function tableChanged(node: DynamoState): void {
  node.narrate(`knows ${node.table.all.map(({ id, standing }) => `${id} ${standing}`).join(', ')}`);
  writeMembers(node);
  // What was asked under another ring is not to be settled by answers that come now.
  node.exchanges.clear();
  withdrawThoseWhoLeft(node);
  node.sweep = node.store.keys();
  startCollecting(node);
  node.journal.whenDurable(() => {
    for (const { id, standing } of node.table.all) {
      if (standing === 'left') node.suspects.forget(id);
      else if (id !== node.self) noteUntold(node, id);
    }
  });
}

/** Another table was seen, or ours is new: the difference must be told. */
export function noteUntold(node: DynamoState, other: NodeId): void {
  if (node.group === 0 || node.table.find(other) === undefined) return;
  node.untold.add(other);
  beginTelling(node);
}

function beginTelling(node: DynamoState): void {
  if (node.isTelling) return;
  node.isTelling = true;
  node.later(0, () => tellAll(node));
}

/** Tells everybody who can be reached, again and again until none of them is left. */
function tellAll(node: DynamoState): void {
  node.isTelling = false;
  let isLeft = false;
  for (const other of node.untold) {
    if (node.suspects.has(other)) continue;
    tell(node, other);
    // Who has left is told once: nothing depends on what it knows.
    if (node.table.find(other)?.standing === 'left') node.untold.delete(other);
    else isLeft = true;
  }
  if (!isLeft) return;
  node.isTelling = true;
  node.later(node.options.exchangeMs, () => tellAll(node));
}

/** A node that could not be told of our table is heard again. */
export function tellIfUntold(node: DynamoState, other: NodeId): void {
  if (node.untold.has(other)) beginTelling(node);
}

function tell(node: DynamoState, other: NodeId): void {
  if (other === node.self || node.table.find(other) === undefined) return;
  node.send(other, { kind: 'members', members: node.table.all });
}

/** Joining and leaving end when everything has moved; once for each step. */
export function moveOn(node: DynamoState): void {
  if (node.changing || node.sweep !== undefined) return;
  if (node.standing === 'joining') {
    collect(node);
    if (node.collecting?.size === 0 || hasNobodyToAsk(node)) {
      node.collecting = undefined;
      changeStanding(node, 'member');
    }
    return;
  }
  if (node.standing === 'leaving' && node.table.next.members.length === 0) {
    // Everybody has been told to leave at once: there is nobody to hand anything to.
    return changeStanding(node, 'member');
  }
  const { deliveries, operations } = node;
  const isEmpty = deliveries.hints + deliveries.moves + operations.size === 0;
  // From here on nothing more is taken in: see `isServing`.
  if (node.standing === 'leaving' && isEmpty && !node.journal.isBusy) changeStanding(node, 'left');
}

/**
 * All others have left meanwhile, and whoever leaves has first given all that it held to those who
 * come after: what there is to be collected is here.
 */
const hasNobodyToAsk = ({ group, table }: DynamoState): boolean =>
  group !== 0 && table.current.members.length === 0;
