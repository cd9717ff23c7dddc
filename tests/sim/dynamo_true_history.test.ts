/** What the oracle of the leaderless system excuses where a past has reached its bound, and what not. */

import { joinPasts, MAX_INTERVALS, NO_PAST, type Past, pastOf } from '../../kv/core/dynamo/past';
import { nodeId } from '../../kv/core/ids';
import { TrueHistory } from '../../kv/sim/dynamo/true_history';
import { dotOf } from '../core/dynamo/support';

const NODE = nodeId('n1');
const full = Array.from({ length: MAX_INTERVALS }, (_, i) => pastOf(dotOf(9, 1, 100 + i))).reduce(
  joinPasts,
  NO_PAST,
);

/** Three writes, each of which has named the one before; the last one says that it has seen this. */
function know(past: Past): void {
  const history = new TrueHistory((_, { dot }) => `metadata ${dot.counter}`);
  const write = (number: number, seen: string[], its: Past): void => {
    history.begin('key', `${number}`, 1, seen);
    history.know(NODE, 'key', {
      dot: dotOf(1, number),
      past: its,
      value: Buffer.from(`${number}`),
    });
  };
  write(1, [], NO_PAST);
  write(2, ['metadata 1'], pastOf(dotOf(1, 1)));
  write(3, ['metadata 2'], past);
}

test('a past below its bound forgets nothing', () => {
  know(joinPasts(pastOf(dotOf(1, 1)), pastOf(dotOf(1, 2))));
  expect(() => know(pastOf(dotOf(1, 2)))).toThrow('3 of key has forgotten 1');
});

test('a past at its bound may forget what came before, but not what its client has named', () => {
  know(joinPasts(full, pastOf(dotOf(1, 2))));
  expect(() => know(joinPasts(full, pastOf(dotOf(1, 1))))).toThrow('3 of key has forgotten 2');
});
