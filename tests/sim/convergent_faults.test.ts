/** The faults that only the convergent system has: they come when they should, and end. */

import type { ConvergentMessage } from '../../kv/core/convergent/messages';
import type { ConvergentRequest } from '../../kv/core/convergent/requests';
import { nodeId } from '../../kv/core/ids';
import { Prng } from '../../kv/core/prng';
import type { Event } from '../../kv/core/protocol';
import { drawConfiguration, type RunConfiguration } from '../../kv/sim/configuration';
import { LateQuestions } from '../../kv/sim/convergent/late_questions';
import { MAX_SKEW_MS, WallClocks } from '../../kv/sim/convergent/wall_clocks';
import { Timeline } from '../../kv/sim/timeline';

const node = nodeId('n1');
const SECONDS = 1000;
const configuration: RunConfiguration = {
  ...drawConfiguration(1, { durationMs: 10 * SECONDS }),
  clocks: 'good',
};

describe('a clock that is set back', () => {
  const begin = () => {
    const timeline = new Timeline();
    const heard: number[] = [];
    const onJump = (_: unknown, skewMs: number) => heard.push(skewMs);
    const clocks = new WallClocks([node], timeline, configuration, new Prng(1), onJump);
    const setBackBy = (ms: number) =>
      clocks.setBack(node, (clocks.read(node) - ms) as typeof before, 100);
    const before = clocks.read(node);
    return { timeline, clocks, heard, setBackBy, before };
  };

  test('shows the reading that was asked for, goes on from there, and is set right later', () => {
    const { timeline, clocks, heard, setBackBy, before } = begin();
    setBackBy(500);
    expect(clocks.read(node)).toBe(before - 500);
    expect(heard).toHaveLength(2);
    timeline.runUntil(50);
    expect(clocks.read(node)).toBe(before - 450);
    timeline.runUntil(200);
    expect(clocks.read(node)).toBe(before + 200);
  });

  test('is not set ahead, nor twice at once, nor further than clocks ever are off', () => {
    const { clocks, setBackBy, before } = begin();
    setBackBy(-10);
    setBackBy(2 * MAX_SKEW_MS);
    expect(clocks.read(node)).toBe(before);
    setBackBy(100);
    setBackBy(100);
    expect(clocks.read(node)).toBe(before - 100);
  });

  test('is right when the faults are over', () => {
    const { timeline, clocks, setBackBy } = begin();
    timeline.runUntil(10 * SECONDS - 50);
    setBackBy(500);
    timeline.runUntil(10 * SECONDS);
    const right = clocks.read(node);
    setBackBy(500);
    expect(clocks.read(node)).toBe(right);
    timeline.runUntil(11 * SECONDS);
    expect(clocks.read(node)).toBe(right + SECONDS);
  });
});

describe('questions that come again', () => {
  type ConvergentEvent = Event<ConvergentMessage, ConvergentRequest>;
  const question = (transfer: number, part: number): ConvergentEvent => ({
    kind: 'message',
    from: nodeId('n2'),
    message: {
      ...{ kind: 'pull', replica: 2, transfer, part },
      ...{ seen: new Map(), holding: { kind: 'seen' } },
    },
  });

  /** How many events there are in all, of a hundred nodes that are asked once; and a second later. */
  const askedOnce = (event: ConvergentEvent, ordered: boolean, at = 0) => {
    const settings = { ...configuration, network: { ...configuration.network, ordered } };
    const timeline = new Timeline();
    timeline.runUntil(at);
    const nodes = Array.from({ length: 100 }, (_, seed) => {
      return new LateQuestions(timeline, settings, new Prng(seed));
    });
    const heard = () => nodes.flatMap((one) => one.with([])).length;
    const first = nodes.flatMap((one) => one.with([event])).length;
    timeline.runUntil(at + SECONDS);
    return [first, heard(), heard()];
  };

  test('are those that begin a transfer, on some nodes, and come once more or twice', () => {
    const [first, later = 0, last] = askedOnce(question(7, 0), false);
    expect([first, last]).toEqual([100, 0]);
    expect(later).toBeGreaterThan(20);
    expect(later).toBeLessThan(80);
  });

  test('are no others, and none where nothing comes late, or when the faults are over', () => {
    expect(askedOnce(question(7, 1), false)).toEqual([100, 0, 0]);
    expect(askedOnce(question(7, 0), true)).toEqual([100, 0, 0]);
    expect(askedOnce(question(7, 0), false, 10 * SECONDS)).toEqual([100, 0, 0]);
  });
});
