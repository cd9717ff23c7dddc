/** Histories of a service that is right: every operation takes effect at one moment of its own. */

import { Prng } from '../../../kv/core/prng';
import type { KeyAction, KeyOperation, KeyResult } from '../../../kv/sim/checkers/key_history';

export interface Shape {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** How many of a hundred operations nobody heard the answer of. */
  readonly unansweredPercent: number;
  readonly seed: number;
}

interface Running {
  readonly client: string;
  readonly key: string;
  readonly action: KeyAction;
  readonly invoked: number;
  readonly heard: boolean;
  result?: KeyResult;
}

/** Values parsed, unlike those of the checker. */
export class Service {
  readonly values = new Map<string, unknown>();

  carryOut(key: string, action: KeyAction): KeyResult {
    const old = this.values.get(key);
    switch (action.kind) {
      case 'get':
        return { value: JSON.stringify(old) };
      case 'delete':
        return this.values.delete(key) ? 'ok' : 'not_found';
      case 'put':
        this.values.set(key, JSON.parse(action.value));
        return 'ok';
      case 'append':
        if (old !== undefined && !Array.isArray(old)) return 'not_a_list';
        this.values.set(key, [...(old ?? []), JSON.parse(action.value)]);
        return 'ok';
    }
  }
}

/**
 * Clients take turns at random: one sends, takes effect or hears its answer. A write without an
 * answer may take effect long after its client went on to other things, or never.
 */
export function randomHistory(shape: Shape): KeyOperation[] {
  const random = new Prng(shape.seed);
  const service = new Service();
  const history: KeyOperation[] = [];
  const busy = new Map<string, Running>();
  const late: Running[] = [];
  const end = (one: Running, completed: number | undefined): void => {
    const { client, key, action, invoked } = one;
    const result = completed === undefined ? undefined : one.result;
    history.push({ client, key, action, invoked, completed, result });
  };
  for (let now = 0, sent = 0; sent < shape.operations || busy.size > 0; now++) {
    if (late.length > 0 && random.chance(1, 20)) {
      const [one] = late.splice(random.between(0, late.length - 1), 1);
      if (one !== undefined && random.chance(2, 3)) service.carryOut(one.key, one.action);
    }
    const client = `c${random.between(1, shape.clients)}`;
    const one = busy.get(client);
    if (one === undefined) {
      if (sent === shape.operations) continue;
      const heard = !random.chance(shape.unansweredPercent, 100);
      const key = `k${random.between(1, shape.keys)}`;
      busy.set(client, { client, key, action: action(random, key, sent++), invoked: now, heard });
    } else if (!one.heard) {
      busy.delete(client);
      late.push(one);
      end(one, undefined);
    } else if (one.result === undefined) {
      one.result = service.carryOut(one.key, one.action);
    } else {
      busy.delete(client);
      end(one, now);
    }
  }
  return history.sort((a, b) => a.invoked - b.invoked);
}

/** The first two keys only ever grow; all values written are different. */
function action(random: Prng, key: string, number: number): KeyAction {
  const grows = key === 'k1' || key === 'k2';
  const choice = random.between(0, 9);
  if (choice < 4) return { kind: 'get' };
  if (choice < 8 || grows) return { kind: 'append', value: `${number}` };
  if (choice === 8) return { kind: 'delete' };
  return { kind: 'put', value: random.chance(1, 2) ? `${number}` : `[${number}]` };
}
