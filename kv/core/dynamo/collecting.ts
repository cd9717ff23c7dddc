/**
 * How a joining node gets its share before it is a member: for each partition that will be its own it
 * asks one of the present homes whether it has the same, by one digest, and where it has not, the two
 * are made equal. A crash in between costs nothing: what has arrived is equal already.
 */

import type { NodeId } from '../ids';
import { exchangeOf, isOfOneMind, sync } from './comparing';
import { begin, end, exchangeWith, numbered } from './exchanges';
import type { MessageOf } from './messages';
import { PARTITIONS_PER_SURVEY } from './options';
import { PARTITIONS } from './ring';
import type { DynamoState } from './state';

/** Notes what has to be collected, if this node joins; anew whenever the ring has changed. */
export function startCollecting(node: DynamoState): void {
  if (node.standing !== 'joining' || node.table.current.members.length === 0) {
    node.collecting = undefined;
    return;
  }
  node.collecting = new Set();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    if (node.table.next.homesOf(partition).includes(node.self)) node.collecting.add(partition);
  }
}

/** Asks whoever can be asked and is not being asked. */
export function collect(node: DynamoState): void {
  if (node.collecting === undefined || node.collecting.size === 0) return;
  const bySource = new Map<NodeId, number[]>();
  for (const partition of node.collecting) {
    const homes = node.table.current.homesOf(partition);
    const source = homes.find((id) => id !== node.self && !node.suspects.has(id));
    if (source === undefined) continue;
    const list = bySource.get(source);
    if (list === undefined) bySource.set(source, [partition]);
    else if (list.length < PARTITIONS_PER_SURVEY) list.push(partition);
  }
  for (const [source, partitions] of bySource) {
    if (exchangeWith(node, 'survey', source) || exchangeWith(node, 'sync', source)) continue;
    const exchange = begin(node, 'survey', source);
    exchange.partitions.push(...partitions);
    const asked = partitions.map((partition) => ({
      partition,
      digest: node.store.digestOfPartition(partition),
    }));
    const number = numbered(node, exchange);
    node.send(source, { kind: 'survey', exchange: number, partitions: asked });
  }
}

export function receiveSurvey(node: DynamoState, from: NodeId, message: MessageOf<'survey'>): void {
  // By another ring it may be right to hold nothing of a partition: that would look like equality.
  if (!isOfOneMind(node, message)) return;
  const { exchange, partitions } = message;
  const different = partitions
    .filter(({ partition, digest }) => node.store.digestOfPartition(partition) !== digest)
    .map(({ partition }) => partition);
  node.send(from, { kind: 'surveyed', exchange, different });
}

export function receiveSurveyed(
  node: DynamoState,
  from: NodeId,
  message: MessageOf<'surveyed'>,
): void {
  const exchange = exchangeOf(node, from, message.exchange);
  if (exchange?.purpose !== 'survey') return;
  end(node, exchange);
  const different = new Set(message.different);
  const asked = exchange.partitions;
  for (const one of asked) if (!different.has(one)) node.collecting?.delete(one);
  const lacked = asked.filter((one) => different.has(one));
  if (lacked.length > 0) sync(node, from, lacked);
}
