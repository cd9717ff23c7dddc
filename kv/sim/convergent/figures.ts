/** Two figures of the convergent system: what travels after a partition, and how often under losses. */

import { Prng } from '../../core/prng';
import { PlainGroup } from './plain_group';

export interface PartitionFigures {
  readonly keys: number;
  readonly different: number;
  readonly bytes: number;
  readonly messages: number;
  readonly stateBytes: number;
}

/** Keys of one request. */
const BATCH = 5000;
const PATIENCE_MS = 600_000;

/** Two replicas hold many equal keys, and each writes half of the different ones while alone. */
export function afterPartition(keys: number, different: number): PartitionFigures {
  const group = new PlainGroup(2);
  for (let first = 0; first < keys; first += BATCH) {
    const texts = new Map<string, string>();
    const end = Math.min(keys, first + BATCH);
    for (let i = first; i < end; i++) texts.set(`key ${i}`, `"value ${i}"`);
    group.put(0, texts);
    group.runUntilEqual(PATIENCE_MS);
  }
  group.run(60_000);
  group.isCut = true;
  for (let i = 0; i < different; i++) {
    const key = i % 2 === 0 ? i : keys - i;
    group.put(i % 2, new Map([[`key ${key}`, `"other ${i}"`]]));
    group.run(10);
  }
  group.run(10_000);
  const [bytes, messages] = [group.bytes, group.messages];
  group.isCut = false;
  group.runUntilEqual(PATIENCE_MS);
  const { stateBytes } = group;
  return {
    ...{ keys, different, stateBytes },
    ...{ bytes: group.bytes - bytes, messages: group.messages - messages },
  };
}

export interface LossFigures {
  readonly replicas: number;
  readonly updates: number;
  readonly lossPercent: number;
  /** Sent until all were equal, lost ones included. */
  readonly messages: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** From the last update on. */
  readonly equalAfterMs: number;
}

const LOSS_KEYS = 1000;

/** Updates at random replicas, one in each millisecond, while messages are lost. */
export function underLoss(replicas: number, updates: number, lossPercent: number): LossFigures {
  const prng = new Prng(1, 'under loss');
  const group = new PlainGroup(replicas);
  const [messages, bytes, before] = [group.messages, group.bytes, { ...group.sent }];
  group.lossPercent = lossPercent;
  for (let i = 0; i < updates; i++) {
    const key = `key ${prng.between(0, LOSS_KEYS - 1)}`;
    group.put(prng.between(0, replicas - 1), new Map([[key, `"value ${i}"`]]));
    group.run(1);
  }
  const equalAfterMs = group.runUntilEqual(PATIENCE_MS);
  const byKind = Object.entries(group.sent).map(
    ([kind, count]) => [kind, count - before[kind as keyof typeof before]] as const,
  );
  return {
    ...{ replicas, updates, lossPercent, equalAfterMs, byKind: Object.fromEntries(byKind) },
    ...{ messages: group.messages - messages, bytes: group.bytes - bytes },
  };
}
