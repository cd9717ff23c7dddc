/** The simulated operator: which of his registrations he may take for the last word. */

import { peerKey } from '../../kv/core/convergent/peers';
import type { ConvergentRequest } from '../../kv/core/convergent/requests';
import { Store } from '../../kv/core/convergent/store';
import { millis, nodeId } from '../../kv/core/ids';
import { Operator } from '../../kv/sim/convergent/operator';

const [A, B, C] = [nodeId('a'), nodeId('b'), nodeId('c')];
const DONE = { kind: 'done' } as const;

/** What a node holds after it has changed the entry of a peer at this time. */
function storeOf(request: ConvergentRequest, time: number): Store {
  const store = new Store();
  if ('peer' in request) {
    store.set(peerKey(request.peer), [{ kind: 'deleted', stamp: { time, replica: 1 } }]);
  }
  return store;
}

function unregistered(): { operator: Operator; request: ConvergentRequest } {
  const operator = new Operator([A, B, C]);
  const request = operator.nextChange(A, millis(0));
  expect(request).toMatchObject({ kind: 'unregister', peer: operator.outsider });
  return { operator, request };
}

function register(operator: Operator, time: number): string {
  const operation = operator.registration(B, operator.outsider ?? A);
  const request = operation.request(millis(0));
  operator.carriedOut(request, storeOf(request, time));
  return operation.judge(DONE).kind;
}

test('an unregistration that is under way may come after any registration', () => {
  const { operator, request } = unregistered();
  expect(register(operator, 5)).toBe('again');
  operator.carriedOut(request, storeOf(request, 7));
  expect(operator.outsider).toBeDefined();
  expect(register(operator, 8)).toBe('done');
  expect(operator.outsider).toBeUndefined();
});

test('one that died with its process comes no more', () => {
  const { operator } = unregistered();
  operator.ended(B);
  expect(register(operator, 5)).toBe('again');
  operator.ended(A);
  expect(register(operator, 6)).toBe('done');
});

test('a registration with an earlier stamp than the unregistration loses, whenever it was made', () => {
  const { operator, request } = unregistered();
  operator.carriedOut(request, storeOf(request, 7));
  expect([register(operator, 6), register(operator, 7), register(operator, 8)]).toEqual([
    ...['again', 'again', 'done'],
  ]);
});

test('whoever is no peer and is asked himself registers another, and so himself', () => {
  const { operator } = unregistered();
  const outsider = operator.outsider ?? A;
  const { peer } = operator.registration(outsider, outsider).request(millis(0)) as {
    peer?: string;
  };
  expect([A, B, C].filter((id) => id !== outsider)).toContain(peer);
});
