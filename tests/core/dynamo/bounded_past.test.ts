/** A key that was written by more lives of nodes than a past can name. */

import type { NodeId } from '../../../kv/core/dynamo/library';
import {
  boundedPast,
  hasDot,
  joinPasts,
  MAX_INTERVALS,
  NO_PAST,
  pastOf,
  WIDTH,
} from '../../../kv/core/dynamo/past';
import { DynamoGroup } from '../../support/dynamo_group';
import { dotOf } from './support';

const KEY = 'some key';
const [BUSY, QUIET] = [1, 2];

/** Of the busy disk there are as many epochs as fit. */
const full = Array.from({ length: MAX_INTERVALS }, (_, i) =>
  pastOf(dotOf(BUSY, 1, 100 + i)),
).reduce(joinPasts, NO_PAST);

test('what the client has named is never forgotten, whatever its epoch', () => {
  const oldest = dotOf(BUSY, 1, 100);
  const other = dotOf(QUIET, 1, 1);
  const past = joinPasts(full, pastOf(other));
  const bounded = boundedPast(past, joinPasts(pastOf(oldest), pastOf(other)));
  expect(bounded.length / WIDTH).toBe(MAX_INTERVALS);
  expect(hasDot(bounded, oldest)).toBe(true);
  expect(hasDot(bounded, other)).toBe(true);
  expect(hasDot(bounded, dotOf(BUSY, 1, 101))).toBe(false);
});

test('so it is where more is named than a past can have', () => {
  expect(boundedPast(full, full, 5)).toEqual(full);
});

test('epochs of different disks say nothing of each other: of each disk its oldest are forgotten', () => {
  const other = dotOf(QUIET, 1, 1);
  const bounded = boundedPast(joinPasts(full, pastOf(other)), NO_PAST);
  expect(hasDot(bounded, other)).toBe(true);
  expect(hasDot(bounded, dotOf(BUSY, 1, 100))).toBe(false);
  expect(hasDot(bounded, dotOf(BUSY, 1, 101))).toBe(true);
});

test('one client after another, through nodes of different age: no conflict comes of it, and one that is there can be resolved', () => {
  // With counters for one key only, writing another key begins another epoch.
  const group = new DynamoGroup(2, { maxCounters: 1, replicas: 2 });
  const [old, young] = group.ids as [NodeId, NodeId];
  let seen = '';
  for (let i = 0; i < MAX_INTERVALS + 10; i++) {
    seen = group.put(old, KEY, `text ${i}`, 2, seen);
    group.put(old, `another key ${i}`, 'x', 1);
  }
  seen = group.put(young, KEY, 'through the young one', 2, seen);
  expect(group.get(old, KEY, 2).values).toEqual(['through the young one']);
  group.put(old, KEY, 'through the old one', 2, seen);
  expect(group.get(young, KEY, 2).values).toEqual(['through the old one']);
  group.put(young, KEY, 'blind', 2);
  const both = group.get(old, KEY, 2);
  expect(both.values).toHaveLength(2);
  group.put(old, KEY, 'resolved', 2, both.metadata.join());
  expect(group.get(young, KEY, 2).values).toEqual(['resolved']);
});
