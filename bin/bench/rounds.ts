/**
 * The run: for each kind of work all systems are started afresh and filled with the same keys, then
 * measured in turns, forwards and backwards, so that what changes on the machine changes for all.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { costBetween, sampleAfter, sampleBefore } from './cost';
import { type Measurement, type Row, rowOf } from './row';
import { median } from './statistics';
import type { Part, Running, System } from './system';
import { describeShape, type Shape } from './workload';

export interface Plan {
  readonly shapes: readonly Shape[];
  /** The first that can do the work of a row is what the others are compared with. */
  readonly systems: readonly System[];
  readonly rounds: number;
  readonly seconds: number;
  /** Fresh clusters for every row; otherwise rows with the same nodes and keys share them. */
  readonly fresh: boolean;
  /** How long each system works before it is measured, so that its code is compiled; 0 for not. */
  readonly warmUpSeconds: number;
  readonly folder: string;
}

export interface Listener {
  /** What is going on now. */
  onStep(text: string): void;
  /** The rows of one kind of work, when they are measured. */
  onRows(rows: readonly Row[]): void;
  /** A system did not do its work; the others go on. */
  onFailure(system: string, error: unknown): void;
}

interface Contender {
  readonly system: System;
  readonly running: Running;
  readonly measurements: Measurement[];
}

/** Lets the disk and the garbage of one come to rest before the next begins. */
const PAUSE_MS = 150;

export async function runPlan(plan: Plan, listener: Listener): Promise<Row[]> {
  const rows: Row[] = [];
  let field: Field | undefined;
  try {
    for (const [index, shape] of plan.shapes.entries()) {
      if (field === undefined || plan.fresh || !field.fits(shape)) {
        await field?.stop();
        field = new Field(plan, join(plan.folder, String(index)), listener);
      }
      const measured = await field.measure(shape);
      rows.push(...measured);
      listener.onRows(measured);
    }
  } finally {
    await field?.stop();
  }
  return rows;
}

/** The systems that run at the same time. */
class Field {
  private readonly started = new Map<System, Running>();
  private readonly failed = new Set<System>();
  private readonly filled = new Set<Running>();
  private first: Shape | undefined;

  constructor(
    private readonly plan: Plan,
    private readonly folder: string,
    private readonly listener: Listener,
  ) {}

  /** Whether the systems as they are can be used for other work too. */
  fits({ nodes, keys, valueBytes }: Shape): boolean {
    const { first } = this;
    return first?.nodes === nodes && first.keys === keys && first.valueBytes === valueBytes;
  }

  async measure(shape: Shape): Promise<Row[]> {
    this.first ??= shape;
    const systems = this.plan.systems.filter((system) => system.lacks(shape) === undefined);
    this.listener.onStep('starting clusters');
    await Promise.all(
      systems.map((system) => this.attempt(system, () => this.start(system, shape))),
    );
    const contenders = systems.flatMap((system): Contender[] => {
      const running = this.started.get(system);
      return running === undefined ? [] : [{ system, running, measurements: [] }];
    });
    for (const { system, running } of contenders) {
      await this.attempt(system, () => this.fill(system, running, shape));
    }
    for (let round = 0; round < this.plan.rounds; round++) {
      const order = round % 2 === 0 ? contenders : [...contenders].reverse();
      for (const contender of order) await this.measureOnce(contender, shape, round);
    }
    return rowsOf(contenders, shape);
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.started.values()].map((running) => running.stop()));
    this.started.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Once more if it fails: somebody else may have taken a port that was free a moment before. */
  private async start(system: System, shape: Shape): Promise<void> {
    if (this.started.has(system)) return;
    const startOnce = () => this.startOnce(system, shape);
    this.started.set(system, await startOnce().catch(startOnce));
  }

  private startOnce(system: System, { nodes }: Shape): Promise<Running> {
    const folder = join(this.folder, system.name.replace(/[^a-z0-9]+/gi, '_'));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return system.start({ nodes, folder });
  }

  /** Every key is there before anything is measured, and everybody is warm. */
  private async fill(system: System, running: Running, shape: Shape): Promise<void> {
    if (this.filled.has(running)) return;
    this.listener.onStep(`filling ${system.name}`);
    const { errors, firstError } = await runLoad(running, shape, 'fill');
    if (errors > 0) throw new Error(`${errors} puts failed while it was filled: ${firstError}`);
    this.filled.add(running);
    const { warmUpSeconds } = this.plan;
    if (warmUpSeconds === 0) return;
    this.listener.onStep(`warming up ${system.name}`);
    await runLoad(running, shape, { seconds: warmUpSeconds });
  }

  private async measureOnce(contender: Contender, shape: Shape, round: number): Promise<void> {
    const { system, running, measurements } = contender;
    if (this.failed.has(system)) return;
    const { rounds, seconds } = this.plan;
    this.listener.onStep(`${describeShape(shape)}: round ${round + 1}/${rounds}: ${system.name}`);
    await wait(PAUSE_MS);
    await this.attempt(system, async () => {
      measurements.push(await measured(running, shape, seconds, this.folder));
    });
  }

  /** One system that fails must not end a run of an hour. It takes no further part in this field. */
  private async attempt(system: System, work: () => Promise<void>): Promise<void> {
    if (this.failed.has(system)) return;
    try {
      await work();
    } catch (error) {
      this.failed.add(system);
      this.listener.onFailure(system.name, error);
    }
  }
}

async function measured(
  running: Running,
  shape: Shape,
  seconds: number,
  folder: string,
): Promise<Measurement> {
  await running.prepare(shape, { seconds });
  const nodes = running.pids;
  const pids = running.loadPid === undefined ? nodes : [...nodes, running.loadPid];
  const before = await sampleBefore(pids, folder);
  const result = await running.go();
  const after = await sampleAfter(pids, folder);
  await running.finish();
  return { result, cost: costBetween(before, after, nodes.length) };
}

async function runLoad(running: Running, shape: Shape, part: Part) {
  await running.prepare(shape, part);
  const result = await running.go();
  await running.finish();
  return result;
}

function rowsOf(contenders: readonly Contender[], shape: Shape): Row[] {
  const finished = contenders.filter(({ measurements }) => measurements.length > 0);
  const [first] = finished;
  const base = median(
    first?.measurements.map(({ result }) => result.operations / result.seconds) ?? [],
  );
  return finished.map(({ system, measurements }) => rowOf(system.name, shape, measurements, base));
}
