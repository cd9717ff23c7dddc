import { EventEmitter } from 'node:events';
import {
  EXIT_FORCED,
  EXIT_INTERNAL_ERROR,
  type ProcessHooks,
  superviseProcess,
} from '../../kv/runtime/lifecycle';
import type { LogFields } from '../../kv/runtime/log';

/** A process that only writes down how it would have ended. */
class FakeProcess extends EventEmitter implements ProcessHooks {
  readonly exits: number[] = [];
  readonly ended = new Promise<number>((resolve) => this.once('exited', resolve));

  exit(code: number): void {
    this.exits.push(code);
    this.emit('exited', code);
  }
}

function supervised(stop: () => Promise<void>) {
  const hooks = new FakeProcess();
  const lines: string[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const log = { info: at('info'), warn: at('warn'), error: at('error') };
  const lifecycle = superviseProcess({ log, stop, shutdownTimeoutMs: 1000, hooks });
  return { hooks, lines, lifecycle };
}

const never = () => new Promise<void>(() => undefined);

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'])(
  '%s stops once, gracefully, with code 0',
  async (signal) => {
    const order: string[] = [];
    const { hooks, lines } = supervised(async () => {
      order.push('stopped');
    });
    hooks.once('exited', () => order.push('exited'));
    hooks.emit(signal);
    expect(await hooks.ended).toBe(0);
    expect(order).toEqual(['stopped', 'exited']);
    expect(lines[0]).toBe(`info stopping {"reason":"${signal}"}`);
    expect(jest.getTimerCount()).toBe(0);
  },
);

test('nothing ends before the stop is through', async () => {
  let finish: () => void = () => undefined;
  const { hooks } = supervised(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  hooks.emit('SIGTERM');
  await jest.advanceTimersByTimeAsync(900);
  expect(hooks.exits).toEqual([]);
  finish();
  expect(await hooks.ended).toBe(0);
});

test('a second signal ends at once, and stop is not called again', async () => {
  const stop = jest.fn(never);
  const { hooks } = supervised(stop);
  hooks.emit('SIGTERM');
  await Promise.resolve();
  hooks.emit('SIGINT');
  expect(hooks.exits).toEqual([EXIT_FORCED]);
  expect(stop).toHaveBeenCalledTimes(1);
});

test('a stop that takes too long is cut short', async () => {
  const { hooks, lines } = supervised(never);
  hooks.emit('SIGTERM');
  await jest.advanceTimersByTimeAsync(1000);
  expect(hooks.exits).toEqual([]);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(hooks.exits).toEqual([EXIT_FORCED]);
  expect(lines.at(-1)).toMatch('took too long');
});

test.each([
  ['rejects', () => Promise.reject(new Error('disk is gone'))],
  [
    'throws',
    () => {
      throw new Error('disk is gone');
    },
  ],
])('a stop that %s ends with code 1 and says why', async (_how, stop) => {
  const { hooks, lines } = supervised(stop);
  hooks.emit('SIGTERM');
  expect(await hooks.ended).toBe(EXIT_FORCED);
  expect(lines.at(-1)).toMatch(/^error the stop failed .*disk is gone/);
});

test.each(['uncaughtException', 'unhandledRejection'])('%s ends at once with code 70', (event) => {
  const stop = jest.fn(never);
  const { hooks, lines } = supervised(stop);
  hooks.emit(event, new Error('broken invariant'));
  expect(hooks.exits).toEqual([EXIT_INTERNAL_ERROR]);
  expect(stop).not.toHaveBeenCalled();
  expect(lines).toEqual([expect.stringMatching(/^error internal error.*broken invariant.*stack/)]);
});

test.each([undefined, null, 'text', 7])('also when %p was thrown', (thrown) => {
  const { hooks, lines } = supervised(never);
  hooks.emit('uncaughtException', thrown);
  expect(hooks.exits).toEqual([EXIT_INTERNAL_ERROR]);
  expect(lines).toEqual([expect.stringContaining(`"error":"${thrown}"`)]);
});

test('a program can ask for both endings itself', async () => {
  const one = supervised(async () => undefined);
  one.lifecycle.shutDown('the operator asked');
  expect(await one.hooks.ended).toBe(0);
  const other = supervised(never);
  other.lifecycle.die(new Error('the disk failed'));
  expect(other.hooks.exits).toEqual([EXIT_INTERNAL_ERROR]);
});
